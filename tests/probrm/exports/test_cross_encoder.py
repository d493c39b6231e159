"""A CrossEncoder folder, as sentence-transformers loads it, against the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from sentence_transformers import CrossEncoder
from transformers import AutoModel, AutoModelForSequenceClassification

from probrm.errors import ConfigError
from probrm.exports import export_run
from probrm.exports.cross_encoder import TRANSFORMER
from probrm.runs import Run
from tests.small_runs import tiny_run

PAIRS = [
    ("What is 3 + 4?", "The answer is 7."),
    ("Hi", "Hello [SEP] you"),
    ("[CLS] What [PAD] now?", "[MASK] " * 5 + "[SEP]"),
    ("a longer question, with marks", "x" * 60),
    ("a", "b"),
    ("What is 3 + 4?", "Sorry, no idea. Maybe 9?"),
    ("UPPER case", "and [pad]"),
    ("ü", "ß"),
]


def rewards(run: Run, pairs: list[tuple[str, str]]) -> np.ndarray:
    return run.reward([prompt for prompt, _ in pairs], [response for _, response in pairs]).reward


def load(folder: Path) -> CrossEncoder:
    return CrossEncoder(str(folder), device="cpu", local_files_only=True)


@pytest.mark.parametrize(
    ("family", "how"),
    [
        ("bert-types", {}),
        ("bert", {"layer": 1, "normalize": False}),
        ("bert", {"pooling": "cls"}),
        ("roberta", {"pooling": "last", "max_length": 60}),
        ("electra", {"layer": 1}),
        ("distilbert", {}),
        ("modernbert", {}),
    ],
)
def test_scores_are_the_runs(family: str, how: dict[str, Any], tmp_path: Path) -> None:
    run = tiny_run(family, **how)
    found = export_run(run, tmp_path / "out", to="sentence-transformers")
    pairs = [pair for pair in PAIRS if family != "roberta" or len("".join(pair)) < 50]
    model, expected = load(tmp_path / "out"), rewards(run, pairs)
    for batch in (1, 2, 8):
        np.testing.assert_allclose(model.predict(pairs, batch_size=batch, show_progress_bar=False), expected, atol=1e-5)
    assert np.ptp(expected) > 0.01
    assert found.difference < 1e-5


def test_without_the_copied_token_type_it_would_be_another_reward(tmp_path: Path) -> None:
    """What the copy is for: sentence-transformers counts the response as type 1."""
    run = tiny_run("bert-types")
    export_run(run, tmp_path / "out", to="sentence-transformers")
    weights = tmp_path / "out" / TRANSFORMER / "model.safetensors"
    tensors = safetensors.torch.load_file(weights)
    tensors["embeddings.token_type_embeddings.weight"][1] += torch.linspace(-1, 1, 32)
    safetensors.torch.save_file(tensors, weights, {"format": "pt"})
    assert np.abs(load(tmp_path / "out").predict(PAIRS, show_progress_bar=False) - rewards(run, PAIRS)).max() > 1e-3


@pytest.mark.parametrize("opened_by", [AutoModel, AutoModelForSequenceClassification])
def test_transformers_alone_cannot_open_it(opened_by: Any, tmp_path: Path) -> None:
    """With a model beside modules.json it would, and give its head random weights."""
    export_run(tiny_run("bert"), tmp_path / "out", to="sentence-transformers")
    with pytest.raises((ValueError, OSError)):
        opened_by.from_pretrained(tmp_path / "out", local_files_only=True)


def test_the_same_run_gives_the_same_weights(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_run(tiny_run("bert"), tmp_path / name, to="sentence-transformers")
    for path in (tmp_path / "one").rglob("*.safetensors"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.parametrize(
    ("family", "how", "message", "fix"),
    [
        ("bert", {"pooling": "response"}, "pools over the response's tokens alone", "--exportable"),
        ("bert", {"text": "response"}, "sees responses alone", "encoder.text"),
        ("llama", {}, "lays prompt and response out as chat", "--to transformers"),
        ("t5", {}, "encoder–decoder", "BERT-like"),
        ("modernbert", {"layer": 1}, "its scores are off by", 'encoder.layer="last"'),
    ],
)
def test_what_has_no_form_there(family: str, how: dict[str, Any], message: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        export_run(tiny_run(family, **how), tmp_path / "out", to="sentence-transformers")
    assert fix in caught.value.fix
    assert not list(tmp_path.iterdir())


def test_no_code_of_ours_is_named(tmp_path: Path) -> None:
    export_run(tiny_run("bert"), tmp_path / "out", to="sentence-transformers")
    modules = json.loads((tmp_path / "out" / "modules.json").read_text())
    assert all(module["type"].startswith("sentence_transformers.") for module in modules)
    assert not list((tmp_path / "out").rglob("*.py"))
