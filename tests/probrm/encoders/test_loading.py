from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from probrm.encoders.loading import card_pooling, load_model, load_tokenizer, longest_input
from probrm.encoders.resolving import resolve
from probrm.errors import EncoderError

REMOTE_CODE = {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}


@pytest.fixture
def copied(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(tiny("bert"), tmp_path / "model")


def edit(file: Path, **settings: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def test_the_model_is_loaded_for_encoding_only(tiny: Callable[[str], Path], capfd: pytest.CaptureFixture[str]) -> None:
    folder = resolve(str(tiny("bert")))
    capfd.readouterr()  # what saving it printed
    model = load_model(folder, torch.bfloat16)
    assert not model.training
    assert getattr(model, "pooler", None) is None
    assert {(weight.dtype, weight.requires_grad) for weight in model.parameters()} == {(torch.bfloat16, False)}
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


@pytest.mark.parametrize(("family", "limit"), [("bert", 128), ("gpt2", 128), ("roberta", 64), ("t5", None)])
def test_the_models_own_limit(tiny: Callable[[str], Path], family: str, limit: int | None) -> None:
    folder = resolve(str(tiny(family)))
    model, tokenizer = load_model(folder, torch.float32), load_tokenizer(folder)
    assert longest_input(model, tokenizer) == limit
    if limit is not None:
        model(input_ids=torch.full((1, limit), 5))  # takes that many
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, limit + 1), 5))
    tokenizer.model_max_length = 20
    assert longest_input(model, tokenizer) == 20


def test_truncated_weights_are_refused(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_model(resolve(str(copied)), torch.float32)


@pytest.mark.parametrize("settings", [{"num_hidden_layers": 3}, {"hidden_size": 48, "num_attention_heads": 3}])
def test_weights_that_do_not_fit_the_config_are_not_filled_with_random_ones(copied: Path, settings: dict[str, int]) -> None:
    edit(copied / "config.json", **settings)
    with pytest.raises(EncoderError):
        load_model(resolve(str(copied)), torch.float32)


@pytest.mark.parametrize("settings", [{"model_type": "never-heard-of"}, {"auto_map": REMOTE_CODE, "model_type": "mine"}])
def test_an_unknown_architecture_is_refused_and_none_of_its_code_is_run(copied: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    trace = tmp_path / "ran"
    (copied / "theirs.py").write_text(f"open({str(trace)!r}, 'w')")
    edit(copied / "config.json", **settings)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_model(resolve(str(copied)), torch.float32)
    assert not trace.exists()


def test_a_damaged_tokenizer_is_refused(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{")
    with pytest.raises(EncoderError, match=r"tokenizer in .* cannot be loaded"):
        load_tokenizer(resolve(str(copied)))


def test_the_pooling_that_a_model_card_states(copied: Path) -> None:
    assert card_pooling(resolve(str(copied))) is None
    (copied / "1_Pooling").mkdir()
    (copied / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    assert card_pooling(resolve(str(copied))) == "cls"
