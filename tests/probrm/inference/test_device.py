from __future__ import annotations

import pyro
import pytest
import torch

from probrm.errors import ConfigError
from probrm.inference.device import isolated, resolve_device, threads_for


def test_auto_is_what_there_is() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "numbers", "used"), [("auto", 10**8, "cuda"), ("auto", 10**6, "cpu"), ("cuda", 10**6, "cuda"), ("cpu", 10**8, "cpu")]
)
def test_auto_fits_few_rows_on_the_cpu(device: str, numbers: int, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device(device, numbers) == used


@pytest.mark.parametrize("device", ["gpu", "", "tpu:0"])
def test_an_unknown_device_lists_the_valid_ones(device: str) -> None:
    with pytest.raises(ConfigError, match="allowed: auto, cpu, cuda"):
        resolve_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_one_is_told() -> None:
    with pytest.raises(ConfigError, match="no CUDA device") as caught:
        resolve_device("cuda:0")
    assert "--device cpu" in caught.value.fix


def test_isolated_puts_everything_back_after_an_error_too() -> None:
    torch.manual_seed(3)
    torch.set_num_threads(2)
    try:
        before, settings = torch.get_rng_state(), pyro.settings.get()

        def fail() -> None:
            with isolated(0):
                torch.randn(5)
                assert torch.get_num_threads() == 1
                assert pyro.settings.get("module_local_params")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == 2
        assert pyro.settings.get() == settings
    finally:
        torch.set_num_threads(1)


def test_isolated_draws_by_its_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        with isolated(seed):
            found.append(torch.randn(4))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_few_numbers_take_one_thread_and_many_no_more_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probrm.inference.device.encoding_threads", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert (threads_for(1000), threads_for(10**8)) == (1, 4)
    for allowed, expected in (("2", 2), ("16", 4), ("", 4), ("0", 4), ("two", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", allowed)
        assert threads_for(10**8) == expected
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with isolated(0, numbers=10**8):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
