"""For every test: one thread, known random numbers, and nothing global left changed behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyro
import pytest
import torch
from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no fault of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def _globals() -> dict[str, Any]:
    return {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "Pyro's settings": pyro.settings.get(),
        "Pyro's parameter store": sorted(pyro.get_param_store().keys()),
    }


def _restore(before: dict[str, Any]) -> None:
    torch.set_default_dtype(before["torch's default dtype"])
    torch.set_num_threads(before["torch's number of threads"])
    torch.set_grad_enabled(before["torch's gradient mode"])
    torch.use_deterministic_algorithms(before["torch's deterministic mode"])
    pyro.settings.set(**before["Pyro's settings"])
    for name in set(pyro.get_param_store().keys()) - set(before["Pyro's parameter store"]):
        del pyro.get_param_store()[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed-shift",
        type=int,
        default=0,
        help="added to the seeds of simulated data and of every test: how the failure rates in the docstrings were measured",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="with -m long: as many simulations, kills and generated cases as the pages tell of, which takes hours (`make test-thorough`)",
    )


@pytest.fixture(scope="session")
def seed_shift(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed-shift") or 0)


@pytest.fixture
def simulations(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """``simulations(most, few)``: how many a long test takes, with ``--thorough`` and without; where few is none, it is skipped without."""

    def count(most: int, few: int) -> int:
        if request.config.getoption("--thorough"):
            return most
        if not few:
            pytest.skip("only with --thorough (make test-thorough)")
        return few

    return count


@pytest.fixture
def thorough(simulations: Callable[[int, int], int]) -> None:
    """Skips a long test without ``--thorough``."""
    simulations(1, 0)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _globals_as_before(seed_shift: int) -> Iterator[None]:
    """Fails a test that changes a global; puts it back, so that the tests after it are not blamed."""
    before = _globals()
    pyro.set_rng_seed(seed_shift)  # torch, numpy and random: whatever ran before, a test draws the same numbers
    yield
    after = _globals()
    changed = [f"{name}: {before[name]} became {after[name]}" for name in before if after[name] != before[name]]
    _restore(before)
    assert not changed, f"the test changed a global setting: {'; '.join(changed)}"


@pytest.fixture
def double() -> Iterator[None]:
    """Numbers without a dtype are float64 in this test, so that exact algebra can be held to 1e-8."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(previous)
