from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import probrm
from probrm.runs.run import Run
from probrm_models.implicit.naive_recipe import NaiveRecipe
from tests import pair_support, support
from tests.support import call, naive_fit, quick_fit, refused

SVI = ("--inference", "svi", "--set", "inference.max_steps=60", "--set", "inference.eval_every=20")


def test_resume_leaves_a_finished_run_alone() -> None:
    first = call(*naive_fit(Path("r"), "--resume", "--json"))
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    again = call(*naive_fit(Path("r"), "--resume", "--json"))
    assert again.code == 0
    assert "note: r holds this fit already: nothing was done" in again.err
    assert json.loads(again.out)["diagnostics"] == json.loads(first.out)["diagnostics"]
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before


def test_resume_does_not_take_another_run_for_it() -> None:
    assert call(*naive_fit(Path("r"))).code == 0
    refused(call(*naive_fit(Path("r"), "--resume", "--seed", "1")), "--resume", "r has other settings", "--overwrite")
    refused(call(*quick_fit(Path("r"), "--resume")), "--resume", "r has other settings")
    support.unlabelled(120).to_parquet("log.parquet")
    refused(call(*naive_fit(Path("r"), "--resume", data="log.parquet")), "--resume", "r has other data")


def test_an_interrupted_training_goes_on_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The states lie beside the run while it is not there, and are gone with it."""
    from probrm.inference.svi.checkpoint import Checkpoint

    of = Checkpoint.of
    monkeypatch.setattr(Checkpoint, "of", lambda *identity: dataclasses.replace(of(*identity), seconds=0.0))
    assert call(*pair_support.quick_fit(Path("whole"), *SVI, "--quiet")).code == 0
    save, saves = Checkpoint.save, []

    def stop_at_the_second(self: Checkpoint, *args: Any, **options: Any) -> None:
        save(self, *args, **options)
        saves.append(1)
        if len(saves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", stop_at_the_second)
    assert call(*pair_support.quick_fit(Path("r"), *SVI, "--resume", "--quiet")).code == 130
    assert not Path("r").exists()
    assert Path(".r.checkpoint").is_dir()
    assert call(*pair_support.quick_fit(Path("r"), *SVI, "--resume", "--quiet")).code == 0
    whole, resumed = probrm.load("whole"), probrm.load("r")
    assert all(torch.equal(whole.draws[name], resumed.draws[name]) for name in whole.draws)
    assert sorted(path.name for path in Path().iterdir()) == ["r", "whole"]


@pytest.mark.parametrize("out", [["--out", "r"], []])
def test_two_fits_at_once_lose_neither(out: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process takes the folder while this one is fitting."""
    fit = NaiveRecipe.fit
    taken = Path(*out[1:]) if out else Path("runs/naive-log")

    def fit_slowly(*args: Any, **options: Any) -> Run:
        run = fit(*args, **options)
        run.save(taken)
        return run

    monkeypatch.setattr(NaiveRecipe, "fit", fit_slowly)
    arguments = ["fit", "naive", "--data", support.log_path(), "--embeddings", support.store_path(), *support.QUICK, *out, "--quiet"]
    done = call(*arguments)
    if out:  # a name that was asked for is not another one's, with exit code 0
        refused(done, "--out r", "kept in r-2")
    else:
        assert (done.code, done.out) == (0, f"run: {taken}-2\n")
    assert probrm.load(taken).kind == probrm.load(f"{taken}-2").kind == "naive"
