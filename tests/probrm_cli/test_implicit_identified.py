"""What identifies a log beside its single action, from the command line: assumptions, several actions, propensities, pairs."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probrm
from tests import support
from tests.support import call, quick_fit, refused

ACTIONS = "copied,-regenerated,stars:ordinal,dwell:log-normal"


@functools.cache
def frame() -> Any:
    """The log with four more actions, driven by the preference; do not write to it."""
    draw, table = np.random.default_rng(5), support.log_frame()
    liked = table["label"].to_numpy() == 1
    n = len(table)
    more = table.drop(columns=["label", "true_probability"]).assign(
        copied=(liked & (draw.random(n) < 0.6)).astype(int),
        regenerated=(~liked & (draw.random(n) < 0.5)).astype(int),
        stars=np.clip(np.round(2 + 1.5 * liked + draw.normal(0, 0.8, n)), 1, 4).astype(int),
        dwell=np.exp(1 + liked + draw.normal(0, 0.5, n)),
    )
    more.loc[:9, "copied"] = np.nan  # not observed
    return more


@pytest.fixture
def log() -> str:
    frame().to_parquet("log.parquet")
    return "log.parquet"


def with_pairs() -> Any:
    """Two answers to one prompt in neighbouring rows; the right one is chosen. Only texts of the store."""
    table = support.unlabelled()
    right = table["response"].str.startswith("The")
    some: list[tuple[int, int]] = []
    for _, rows in table.groupby("prompt"):
        some += zip(rows.index[right[rows.index]], rows.index[~right[rows.index]], strict=False)
    table = table.assign(pair=pd.Series(None, index=table.index, dtype=object), chosen=0)
    for k, (good, bad) in enumerate(some):
        table.loc[[good, bad], "pair"] = f"p{k}"
        table.loc[good, "chosen"] = 1
    assert len(some) > 20
    return table


def fit(path: str, *flags: str) -> dict[str, Any]:
    done = call(*quick_fit(Path("r"), *flags, "--overwrite", "--json", data=path))
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    return json.loads(done.out)


# ---- what is known beside the log


def test_an_assumed_base_rate_moves_the_posterior_and_directions_are_kept_with_the_run() -> None:
    found, directions = {}, ["surface[web] lowers propensity", "hour raises propensity"]
    for rate in ("0.2", "0.7"):
        assumed = [f"base-rate={rate}±0.05", *directions]
        told = fit(
            support.log_path(), "--propensity-features", support.FEATURES, *(flag for text in assumed for flag in ("--assume", text))
        )
        assert told["identifiability"]["level"]["prior"]["mean"] == pytest.approx(float(rate), abs=1e-3)
        assert told["identifiability"]["named"]
        run = probrm.load("r")
        assert run.config["model"]["assume"] == assumed
        found[rate] = float(run.draws["base_rate"].mean())
    assert found["0.7"] - found["0.2"] > 0.1


@pytest.mark.parametrize(
    ("assumed", "named"),
    [
        (["base-rate=0.4"], ["--assume base-rate=0.4", "neither a base rate nor a direction", "base-rate=0.4±0.1"]),
        (["base-rate=1.4±0.1"], ["--assume base-rate=1.4±0.1", "a mean between 0 and 1"]),
        (["base-rate=0.4±0.1", "base-rate=0.5±0.1"], ["--assume base-rate=0.5±0.1: a second base rate"]),
        (["hours raises propensity"], ["no covariate 'hours'", "surface[web], hour", "did you mean 'hour'?"]),
        (["hour raises reward"], ["the reward has no covariate 'hour'; it has none", "--reward-features hour"]),
        (["hour helps propensity"], ["--assume hour helps propensity", "raises|lowers"]),
        (["hour raises propensity", "hour lowers propensity"], ["--assume hour lowers propensity: the opposite is assumed too"]),
    ],
)
def test_assumptions_that_cannot_be_are_refused(assumed: list[str], named: list[str]) -> None:
    flags = [flag for text in assumed for flag in ("--assume", text)]
    refused(call(*quick_fit(Path("r"), "--propensity-features", support.FEATURES, *flags)), *named)
    assert not Path("r").exists()


# ---- several actions


def test_several_actions_from_the_fit_to_single_rows(log: str) -> None:
    told = fit(log, "--actions", ACTIONS, "--propensity-features", support.FEATURES)
    verdict = told["identifiability"]
    assert (verdict["verdict"], verdict["level"]["governed_by"]) == ("identified", "actions")
    assert verdict["actions"] == ["copied", "regenerated", "stars", "dwell"]
    assert told["diagnostics"]["naive_held_out_log_likelihood"] < 0

    shown = call("posterior", "r", "--plots", "figures")
    assert shown.code == 0, shown.err
    assert "propensity_intercept[regenerated]" in shown.out
    assert "action_strength[dwell]" in shown.out
    assert "4 actions speak of one preference: copied, regenerated, stars, dwell" in shown.out
    assert Path("figures/propensity_effects.png").exists()

    rows = {}
    for row in ("r0", "r20"):
        rows[row] = json.loads(call("posterior", "r", "--row", row, "--json").out)
        assert rows[row]["prompt"] == frame()["prompt"][int(row[1:])]
    assert rows["r20"]["actions"].keys() == {"copied", "regenerated", "stars", "dwell"}

    scored = call("score", "r", "--data", support.truth_path(), "--embeddings", support.store_path(), "--out", "s.parquet")
    assert scored.code == 0, scored.err
    table = pd.read_parquet("s.parquet")
    right = table["response"].str.startswith("The").to_numpy(dtype=bool)
    reward = table["reward"].to_numpy()
    assert reward[right].mean() > reward[~right].mean() + 1
    flags = ("--data", support.truth_path(), "--embeddings", support.store_path(), "--bootstrap", "20", "--json")
    assert json.loads(call("evaluate", "r", *flags).out)["metrics"]["auroc"]["value"] > 0.7


@pytest.mark.parametrize(
    ("actions", "named"),
    [
        ("copied,stars:ordnal", ["'stars:ordnal'", "binary, ordinal, log-normal", "did you mean 'ordinal'?"]),
        ("copied,liked", ["log.parquet", "no column 'liked'", "--actions"]),
        ("copied,stars", ["log.parquet, row 1, column 'stars'", "0, 1, true, false, or missing", "stars:ordinal"]),
        ("copied,dwell:ordinal", ["column 'dwell'", "integers, or missing", "COLUMN:log-normal"]),
        ("copied,surface:log-normal", ["column 'surface'", "finite numbers, or missing"]),
        ("copied,-copied", ["the column 'copied' is named twice"]),
    ],
)
def test_wrong_actions_are_refused(log: str, actions: str, named: list[str]) -> None:
    refused(call(*quick_fit(Path("r"), "--actions", actions, data=log)), *named)
    assert not Path("r").exists()


# ---- propensities of an experiment, answers side by side


def test_propensities_known_on_some_rows() -> None:
    known = np.where(np.arange(300) < 120, np.where(support.unlabelled()["surface"] == "ide", 0.8, 0.4), np.nan)
    support.unlabelled().assign(known=known).to_parquet("known.parquet")
    verdict = fit("known.parquet", "--columns", "propensity=known,user_id=")["identifiability"]
    assert (verdict["known_propensities"], verdict["level"]["governed_by"], verdict["verdict"]) == (120, "experiment", "identified")


@pytest.mark.parametrize("value", [0.0, 1.5, -0.2])
def test_a_propensity_that_is_no_probability(value: float) -> None:
    support.unlabelled().assign(propensity=[0.5, 0.5, value, *[np.nan] * 297]).to_parquet("known.parquet")
    refused(call(*quick_fit(Path("r"), data="known.parquet")), "known.parquet, row 3, column 'propensity'", "a probability in (0, 1]")
    assert not Path("r").exists()


def test_answers_shown_side_by_side() -> None:
    with_pairs().to_parquet("pairs.parquet")
    told = fit("pairs.parquet", "--propensity-features", support.FEATURES)
    assert told["identifiability"]["named"]
    run = probrm.load("r")
    assert [action.column for action in run.inputs.actions] == ["action"]
    assert run.draws["reward_weights"][:, 0].mean() > 0  # the column that says right or wrong
    assert call("posterior", "r", "--row", "r3").code == 0


def test_a_pair_of_three_rows() -> None:
    table = with_pairs()
    three = [*table.index[table["pair"] == "p0"], table.index[table["pair"].isna()][0]]
    table.loc[three[2], "pair"] = "p0"
    table.to_parquet("pairs.parquet")
    rows = ", ".join(str(i + 1) for i in sorted(three))
    refused(call(*quick_fit(Path("r"), data="pairs.parquet")), f"rows {rows}, column 'pair': 'p0' is in 3 rows", "two rows a pair")
    assert not Path("r").exists()


# ---- the verdict


def test_fit_and_posterior_say_the_same_verdict() -> None:
    shutil.copytree(support.short_run_path(), "r")
    done = call(*quick_fit(Path("r"), "--propensity-features", support.FEATURES, "--resume"))  # shows the run that is there
    again = call("posterior", "r")
    said = [[line for line in outcome.out.splitlines() if line.startswith("verdict: ")] for outcome in (done, again)]
    assert said[0] == said[1]
    assert said[0][0].startswith("verdict: identified: only the propensity sees surface[web], hour; 12 users are seen 3 times or more")
    found = json.loads(call("posterior", "r", "--json").out)
    assert found["identifiability"]["verdict"] == "identified"
    assert found["identifiability"] == json.loads(support.short_fit_output().out)["identifiability"]
