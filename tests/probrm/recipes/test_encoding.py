from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import probrm
from probrm.data import Conversation
from probrm.errors import EncoderError
from probrm.recipes.encoding import run_vectors, vectors_now
from probrm.runs import Run
from tests import support

TEXTS = [Conversation("What is 2 + 2?", "The answer is 4."), Conversation("What is 2 + 2?", "Sorry, no idea.")]


@pytest.fixture(autouse=True)
def _cache() -> Iterator[None]:
    with support.environment():
        yield


@pytest.fixture
def run() -> Run:
    return probrm.load(support.run_path())


def test_vectors_with_and_without_the_disk_are_the_same(run: Run) -> None:
    stored, now = run_vectors(run, TEXTS), vectors_now(run, TEXTS)
    assert stored.vectors.shape == (2, 384)
    torch.testing.assert_close(stored.vectors, now, atol=2e-3, rtol=0)
    assert stored.key == run.record["encoder"]["key"]


def test_a_run_of_before_there_were_layers(tmp_path: Path) -> None:
    """Its record names no layer: all tokens of the last one, under the key of then."""
    before = ("pooling=mean", "layer=last", "prompt_layer=last")
    flags = [flag for setting in before for flag in ("--set", f"encoder.{setting}")]
    path = tmp_path / "run"
    done = support.call("fit", "implicit", "--data", support.log_path(), *flags, *support.QUICK, "--out", str(path))
    assert done.code == 0, done.err
    written = probrm.load(path)
    found = written.reward("What is 2 + 2?", ["The answer is 4."]).reward
    for settings in (written.config["encoder"], written.record["encoder"]["config"]):
        del settings["layer"], settings["prompt_layer"]
    written.save(tmp_path / "old")
    old = probrm.load(tmp_path / "old")
    torch.testing.assert_close(old.reward("What is 2 + 2?", ["The answer is 4."]).reward, found)
    new_texts = [*TEXTS, Conversation("What is 2 + 2?", "Not cached")]
    assert run_vectors(old, new_texts).config.layer == "last"
    assert not torch.equal(run_vectors(old, TEXTS).vectors, run_vectors(probrm.load(support.run_path()), TEXTS).vectors)


def test_an_encoder_whose_files_have_changed(run: Run) -> None:
    run.record["encoder"]["key"] = "another"
    for vectors in (run_vectors, vectors_now):
        with pytest.raises(EncoderError, match=r"(is|are) not (those|the one) that the run was fitted on"):
            vectors(run, TEXTS)
