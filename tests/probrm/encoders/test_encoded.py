"""What a command gets: settings settled once, a layer chosen by what was observed, and no model loaded in vain."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probrm.data.conversation import Conversation
from probrm.encoders import Encoded, EncoderConfig, Observed, encode_all, load_encoder, transformer
from probrm.errors import ConfigError, EncoderError

TEXTS = [Conversation(f"question {i // 2}", f"{'yes' if i % 3 else 'no'} answer {i}") for i in range(60)]
PROMPTS = [Conversation(f"question {i}", "") for i in range(30)]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path / "cache"))


def config(folder: Path, **settings: Any) -> EncoderConfig:
    return EncoderConfig(name=str(folder), **{"max_length": 64, **settings})


def actions() -> Observed:
    return Observed(np.arange(60), np.arange(60) // 2, np.array([float(i % 3 > 0) for i in range(60)]), np.ones(60))


def pairs(*, prompts: bool) -> Observed:
    first = np.arange(0, 60, 2)
    return Observed(first, first // 2, np.ones(30), np.ones(30), other=first + 1, prompt=60 + first // 2 if prompts else None)


def loaded(monkeypatch: pytest.MonkeyPatch) -> list[EncoderConfig]:
    """Settings of the models loaded from now on."""
    found: list[EncoderConfig] = []

    class Watched(transformer.TransformerEncoder):
        def __init__(self, folder: Any, config: EncoderConfig, device: torch.device) -> None:
            found.append(config)
            super().__init__(folder, config, device)

    monkeypatch.setattr(transformer, "TransformerEncoder", Watched)
    return found


def test_the_same_texts_again_load_no_model_and_get_the_same(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config(tiny("bert"), layer=1, prompt_layer="last", max_length=500)
    first = encode_all(TEXTS, asked)
    models = loaded(monkeypatch)
    again = encode_all(TEXTS[::-1], asked)
    assert models == []
    assert torch.equal(again.vectors.flip(0), first.vectors)
    assert (again.key, again.config, again.notes) == (first.key, first.config, first.notes)
    assert (first.config.max_length, len(first.notes)) == (128, 1)
    assert first.config.precision != "auto"
    more = encode_all([*TEXTS, Conversation("new", "text")], asked)
    assert models == [first.config]  # as settled, not to be settled again
    assert (more.key, more.config) == (first.key, first.config)
    assert torch.equal(more.vectors[:-1], first.vectors)


def test_no_transformers_is_imported_for_them(tiny: Callable[[str], Path]) -> None:
    """In a process of its own: seconds of imports."""
    asked = config(tiny("bert"), layer=1, prompt_layer="last")
    first = encode_all(TEXTS[:3], asked)
    code = (
        "import sys; from probrm.data import Conversation; from probrm.encoders import EncoderConfig, encode_all; "
        f"texts = [Conversation(p, r) for p, r in {[(text.prompt, text.response) for text in TEXTS[:3]]!r}]; "
        f"found = encode_all(texts, EncoderConfig(name={asked.name!r}, layer=1, prompt_layer='last', max_length=64)); "
        "print(found.key, sorted({'transformers', 'huggingface_hub', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{first.key} []\n"


def test_a_layer_chosen_by_the_actions(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = encode_all(TEXTS, config(tiny("bert")), observed=actions)
    assert isinstance(found.config.layer, int)
    assert found.config.layer < 2
    assert found.config.prompt_layer == "last"  # nobody asks for a prompt's own vector
    (choice,) = found.layers
    assert (choice["setting"], choice["layer"], len(choice["log_likelihood"])) == ("layer", found.config.layer, 3)
    assert sum(note.startswith(f"encoder.layer: {found.config.layer} of 2, chosen by") for note in found.notes) == 1
    named = load_encoder(found.config)
    assert found.key == named.key
    torch.testing.assert_close(found.vectors, named.encode(TEXTS), atol=2e-3, rtol=0)
    models = loaded(monkeypatch)
    again = encode_all(TEXTS, config(tiny("bert")), observed=actions)
    assert models == []
    assert (again.key, again.config, again.notes, again.layers) == (found.key, found.config, found.notes, found.layers)
    scored = encode_all(TEXTS, found.config, expected_key=found.key, expected_dim=32)
    assert torch.equal(scored.vectors, found.vectors)


def test_other_actions_may_choose_another_layer(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    encode_all(TEXTS, config(tiny("bert")), observed=actions)
    models = loaded(monkeypatch)
    other = actions()
    encode_all(TEXTS, config(tiny("bert")), observed=lambda: Observed(other.answer, other.group, 1 - other.outcome, other.weight))
    assert [one.layer for one in models] == ["auto"]


def test_a_text_of_the_subsample_is_encoded_once(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    true = transformer.TransformerEncoder.encode

    def counted(self: Any, conversations: Sequence[Conversation], **more: Any) -> torch.Tensor:
        encoded.append(len(conversations))
        return true(self, conversations, **more)

    monkeypatch.setattr(transformer.TransformerEncoder, "encode", counted)
    new = [Conversation("new", str(i)) for i in range(5)]
    encode_all([*TEXTS, *new], config(tiny("bert")), observed=actions)
    assert encoded == [5]


@pytest.mark.parametrize("prompts", [False, True])
def test_layers_chosen_by_pairs(tiny: Callable[[str], Path], prompts: bool) -> None:
    texts = [*TEXTS, *PROMPTS]
    found = encode_all(texts, config(tiny("llama"), normalize=False, precision="float32"), observed=lambda: pairs(prompts=prompts))
    assert [choice["setting"] for choice in found.layers] == ["layer", "prompt_layer"][: 1 + prompts]
    torch.testing.assert_close(found.vectors, load_encoder(found.config).encode(texts), atol=1e-5, rtol=0)


def test_nothing_to_choose_by(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=r"encoder.layer is 'auto', and there are no actions and no pairs to choose it by"):
        encode_all(TEXTS, config(tiny("bert")))
    with pytest.raises(ConfigError, match=r"encoder.prompt_layer is 'auto'"):
        encode_all([*TEXTS, *PROMPTS], config(tiny("bert"), layer=1))
    assert encode_all(TEXTS, config(tiny("bert"), layer=1)).config.prompt_layer == "last"


def test_a_run_on_a_store_is_not_asked_for_a_layer(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(EncoderError, match="not those that the run was fitted on"):
        encode_all(TEXTS, config(tiny("bert")), expected_key="of a store", expected_dim=32)


def test_a_run_on_vectors_of_another_encoder_is_told_before_encoding(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config(tiny("bert"), layer=1, prompt_layer="last")

    def again() -> Encoded:
        return encode_all(TEXTS, asked, expected_key="another", expected_dim=32)

    with pytest.raises(EncoderError, match="not those that the run was fitted on"):
        again()
    models = loaded(monkeypatch)
    encode_all(TEXTS, asked)
    models.clear()
    with pytest.raises(EncoderError, match="not those that the run was fitted on"):
        again()
    assert models == []
