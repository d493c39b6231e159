"""Runs whose findings are not what a fit writes, with hashes that fit: a message, not a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import probrm
from probrm.errors import RunError
from probrm.runs.showing import showing
from tests.probrm.runs.untrusted import sign
from tests.support import call, refused

SAVED = Path(__file__).parents[2] / "saved_runs"


def changed(kind: str, to: Path, name: str, change: Callable[[Any], object]) -> str:
    shutil.copytree(SAVED / kind, to)
    tree = json.loads((to / name).read_text())
    change(tree)
    (to / name).write_text(json.dumps(tree))
    sign(to)
    return str(to)


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        pytest.param("bradley-terry", "metrics.json", lambda m: m["diagnostics"].pop("baseline_held_out_log_likelihood"), id="missing"),
        pytest.param("vrm", "metrics.json", lambda m: m["diagnostics"].pop("held_out_rows"), id="missing too"),
        pytest.param("implicit", "metrics.json", lambda m: m["diagnostics"].update(held_out_log_likelihood="x"), id="a text"),
        pytest.param("implicit", "metrics.json", lambda m: m["diagnostics"].update(mean_preference=[1]), id="a list"),
        pytest.param("implicit", "metrics.json", lambda m: m["diagnostics"].update(approximation={"k_hat": 1}), id="half a table"),
        pytest.param("implicit", "metrics.json", lambda m: m["identifiability"].update(reasons=3), id="a number"),
    ],
)
def test_findings_of_another_form(kind: str, name: str, change: Callable[[Any], object], tmp_path: Path) -> None:
    run = changed(kind, tmp_path / "run", name, change)
    done = call("posterior", run)
    assert done.code == 2
    assert "what the fit found cannot be shown (" in done.err
    assert "PROBRM_DEBUG=1" in done.err


def test_a_history_of_another_form(tmp_path: Path) -> None:
    run = changed("bradley-terry", tmp_path / "run", "history.json", lambda h: h["records"][0].pop("elbo"))
    refused(call("report", run, "--out", str(tmp_path / "r.html")), "KeyError: 'elbo'")
    assert not (tmp_path / "r.html").exists()


def test_our_own_defects_are_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    run = probrm.load(SAVED / "implicit")
    with pytest.raises(RunError, match="implicit: what the fit found"), showing(run):
        raise KeyError("x")
    with pytest.raises(ZeroDivisionError), showing():
        raise ZeroDivisionError
    monkeypatch.setenv("PROBRM_DEBUG", "1")
    with pytest.raises(KeyError), showing(run):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param("vrm", lambda m: m["spec"]["inputs"].update(attributes=["a", "b"]), id="attributes"),
        pytest.param("vrm", lambda m: m["spec"]["model"]["shape"].update(prompt=4), id="prompt"),
        pytest.param("bradley-terry", lambda m: m["spec"]["model"]["shape"].update(prompt=2), id="a prompt for nobody"),
        pytest.param("implicit", lambda m: m["spec"]["inputs"].update(users=["x"]), id="users"),
        pytest.param("implicit", lambda m: m["spec"]["inputs"]["propensity"].update(covariates=[]), id="covariates"),
    ],
)
def test_inputs_of_another_shape_than_the_model(kind: str, change: Callable[[Any], object], tmp_path: Path) -> None:
    shutil.copytree(SAVED / kind, tmp_path / "run")
    sign(tmp_path / "run", change)
    with pytest.raises(RunError, match="damaged"):
        probrm.load(tmp_path / "run")
