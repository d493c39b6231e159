from __future__ import annotations

import json
import stat
from pathlib import Path

import pandas as pd
import pytest

import probrm
from probrm.data import Conversation
from probrm.encoders import read_store
from tests import support
from tests.support import QUICK, call, refused


def test_vectors_once_then_fit_and_score_from_them() -> None:
    """The same vectors as from the encoder, so the same rewards to the bit."""
    done = call("embed", "--data", support.log_path(), "--out", "store.safetensors", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["out"], found["texts"], found["dim"]) == ("store.safetensors", 300, 384)
    assert "--propensity-features" not in done.err
    assert call("score", support.run_path(), "--data", support.log_path(), "--out", "a.parquet", "-q").code == 0
    store = ["--embeddings", "store.safetensors"]
    assert call("score", support.run_path(), "--data", support.log_path(), "--out", "b.parquet", "-q", *store).code == 0
    pd.testing.assert_frame_equal(pd.read_parquet("a.parquet"), pd.read_parquet("b.parquet"))


@pytest.mark.parametrize("flags", [[], ["--columns", "chosen=better,rejected=worse"]], ids=["named as they are", "renamed"])
def test_both_sides_of_pairs_each_text_once(flags: list[str]) -> None:
    """Ties too: they are scored, if not fitted."""
    pairs = pd.DataFrame({"prompt": ["a", "a", "b"], "chosen": ["x", "y", "x"], "rejected": ["y", "z", "w"]})
    pairs.rename(columns=dict(zip(["chosen", "rejected"], ["better", "worse"], strict=True)) if flags else {}).to_csv("p.csv", index=False)
    done = call("embed", "--data", "p.csv", "--out", "p.safetensors", *flags)
    assert (done.code, done.out) == (0, "7 texts, 384 columns: p.safetensors\n"), done.err
    texts = [Conversation(*text) for text in [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("b", "w"), ("a", ""), ("b", "")]]
    assert read_store("p.safetensors").encode(texts).shape == (7, 384)


@pytest.mark.parametrize(("flag", "texts"), [("--prompts", 3), ("--no-prompts", 2)])
def test_prompts_alone_are_as_asked_for(flag: str, texts: int) -> None:
    """A file of single responses gets them for `fit vrm`, which makes pairs of them; an encoder of responses sees them as such."""
    pd.DataFrame({"prompt": ["a", "a"], "response": ["x", "y"]}).to_csv("r.csv", index=False)
    done = call("embed", "--data", "r.csv", "--out", "r.safetensors", flag, "--set", "encoder.text=response")
    assert (done.code, done.out) == (0, f"{texts} texts, 384 columns: r.safetensors\n"), done.err
    assert read_store("r.safetensors").encode([Conversation("a", "x")]).shape == (1, 384)


def test_a_layer_is_chosen_by_the_files_own_actions_or_pairs() -> None:
    auto = ["--set", "encoder.layer=auto", "--set", "encoder.prompt_layer=auto"]
    done = call("embed", "--data", support.log_path(), "--out", "a.safetensors", *auto)
    assert done.code == 0, done.err
    assert "encoder.layer: " in done.err
    assert "actions" in done.err
    frame = pd.DataFrame({"prompt": ["a", "b", "c"] * 4, "chosen": [f"yes {i}" for i in range(12)], "rejected": ["no"] * 12})
    frame.to_csv("p.csv", index=False)
    done = call("embed", "--data", "p.csv", "--out", "p.safetensors", *auto)
    assert done.code == 0, done.err
    assert "encoder.prompt_layer: " in done.err
    pd.DataFrame({"prompt": frame["prompt"], "response": frame["chosen"]}).to_csv("texts.csv", index=False)
    refused(call("embed", "--data", "texts.csv", "--out", "t.safetensors", *auto), "encoder.layer is 'auto'", "name one")
    assert not Path("t.safetensors").exists()


def test_a_store_lacks_texts() -> None:
    support.log_frame(20)[["prompt", "response"]].to_csv("few.csv", index=False)
    assert call("embed", "--data", "few.csv", "--out", "few.safetensors").out == "20 texts, 384 columns: few.safetensors\n"
    assert stat.S_IMODE(Path("few.safetensors").stat().st_mode) == 0o644
    outcome = call("fit", "implicit", "--data", support.log_path(), "--embeddings", "few.safetensors", "--out", "r", *QUICK)
    refused(outcome, "few.safetensors", "holds no vector for", "probrm embed")
    assert not Path("r").exists()


def test_a_store_of_another_encoder() -> None:
    outcome = call("score", support.run_path(), "--data", support.truth_path(), "--out", "s.csv", "--embeddings", support.store_path())
    refused(outcome, support.store_path(), "not those that the run was fitted on")
    assert not Path("s.csv").exists()


def test_a_run_on_vectors_from_elsewhere_needs_them_for_scoring() -> None:
    run = support.short_run_path()
    refused(call("score", run, "--data", support.truth_path(), "--out", "s.csv"), "not those that the run was fitted on", "--embeddings")
    done = call("score", run, "--data", support.truth_path(), "--out", "s.csv", "--embeddings", support.store_path())
    assert done.code == 0, done.err
    assert call("posterior", run, "--row", "r0").code == 0  # finds the store again
    assert probrm.load(run).record["encoder"]["embeddings"] == support.store_path()


def test_an_existing_store_is_kept_unless_it_may_be_replaced() -> None:
    Path("store.safetensors").write_text("mine")
    refused(call("embed", "--data", support.log_path(), "--out", "store.safetensors"), "--out store.safetensors", "--overwrite")
    assert Path("store.safetensors").read_text() == "mine"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--set", "encoder.layer=7"], ["encoder.layer is 7", "layers 0 (the token embeddings) to 6"]),
        (["--set", "encoder.layer=first"], ["encoder.layer is 'first'", "last, auto, or a number"]),
        (["--encoder", "no/such/folder"], ["no/such/folder", "no such folder"]),
        (["--set", "encoder.pooling=max"], ["encoder.pooling", "mean, last, cls"]),
        (["--set", "guide.name=delta"], ["--set guide.name=delta", "allowed: encoder"]),
        (["--set", "encoder=x"], ["encoder", "'x'"]),
        (["--data", "nothing.csv"], ["nothing.csv", "no such file"]),
    ],
)
def test_wrong_flags(flags: list[str], named: list[str]) -> None:
    refused(call("embed", "--data", support.log_path(), "--out", "s.safetensors", *flags), *named)
    assert not Path("s.safetensors").exists()
