"""Models of pairs from the command line: fit, evaluate, score, posterior, and what bad pairs get."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probrm
from tests import pair_support
from tests.pair_support import FEW, pair_frame, quick_fit
from tests.support import Outcome, call, refused

STORE = ("--embeddings", pair_support.store_path())
Save = Callable[[Any], str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(frame: Any) -> str:
        frame.to_parquet(tmp_path / "pairs.parquet")
        return str(tmp_path / "pairs.parquet")

    return write


def fit(path: str, *flags: str) -> Outcome:
    return call(*quick_fit("r", *flags, data=path))


def nothing_written() -> None:
    assert not [path for path in Path().iterdir() if path.name.startswith(("r", ".r"))]


# ---- what it does


def test_fit_prints_the_posterior_and_a_verdict_on_held_out_pairs() -> None:
    shutil.copytree(pair_support.run_path(), "r")
    done = fit(pair_support.pairs_path(), "--resume")  # shows the run that is there
    assert done.code == 0, done.err
    assert "reward_weights_scale" in done.out
    assert "log-likelihood of 30 held-out pairs, nats a pair: -0." in done.out
    assert done.out.endswith("run: r\n")
    assert "read as pairs: prompt, chosen, rejected" in done.err


def test_fit_as_json() -> None:
    done = pair_support.fit_output()
    found = json.loads(done.out)
    assert found["diagnostics"]["held_out_rows"] == 30
    assert found["diagnostics"]["held_out_log_likelihood"] > -0.6
    assert found["identifiability"]["responses"] == 600
    assert "read as pairs: prompt, chosen, rejected" in done.err


def test_evaluate_beats_a_coin_on_other_prompts_and_names_both_models() -> None:
    done = call("evaluate", pair_support.run_path(), "--data", pair_support.other_path(), *STORE, "--bootstrap", "100")
    assert done.code == 0, done.err
    assert "150 pairs with a known truth" in done.out
    assert "bradley-terry model" in done.out
    assert "deterministic model" in done.out
    assert "accuracy:easy" in done.out
    done = call("evaluate", pair_support.run_path(), "--data", pair_support.other_path(), *STORE, "--bootstrap", "100", "--json")
    found = json.loads(done.out)
    assert found["rows"] == 150
    assert found["metrics"]["accuracy"]["low"] > 0.6
    assert found["metrics"]["pair_accuracy"] == found["metrics"]["accuracy"]
    assert found["metrics"]["nll"]["value"] < 0.65
    assert found["baseline"]["accuracy"]["value"] > 0.6


def test_score_of_pairs() -> None:
    done = call("score", pair_support.run_path(), "--data", pair_support.other_path(), "--out", "s.parquet", *STORE)
    assert done.code == 0, done.err
    assert "150 of 150 rows scored: s.parquet" in done.out
    frame = pd.read_parquet("s.parquet")
    d = [pair_support.reward(c) - pair_support.reward(r) for c, r in zip(frame["chosen"], frame["rejected"], strict=True)]
    truth = 1 / (1 + np.exp(-np.array(d)))
    assert np.corrcoef(frame["p_chosen"], truth)[0, 1] > 0.95
    inside = (frame["p_chosen_low"] <= truth) & (truth <= frame["p_chosen_high"])
    assert np.mean(inside) > 0.6


def test_score_of_single_responses() -> None:
    frame = pair_support.single_frame(pair_frame(150, seed=1)).drop_duplicates()
    frame.to_csv("single.csv", index=False)
    done = call("score", pair_support.run_path(), "--data", "single.csv", "--out", "s.csv", *STORE, "--json")
    assert json.loads(done.out)["scored"] == 300
    scored = pd.read_csv("s.csv")
    truth = scored["response"].map(pair_support.reward)
    assert np.corrcoef(scored["reward"], truth)[0, 1] > 0.95
    assert scored["probability"].between(0, 1).all()


def test_one_pair_is_shown_with_the_rewards_of_both_sides() -> None:
    done = call("posterior", pair_support.run_path(), "--row", "r3")
    assert done.code == 0, done.err
    assert "reward of the chosen response (logit)" in done.out
    assert "reward of the rejected response (logit)" in done.out
    assert "probability that the chosen response is preferred" in done.out
    refused(call("posterior", pair_support.run_path(), "--row", "no"), "--row no", "ids look like r0, r1, r2")


def test_figures_and_draws() -> None:
    done = call("posterior", pair_support.run_path(), "--plots", "figures", "--netcdf", "draws.nc", "--quiet")
    assert done.code == 0, done.err
    assert Path("figures/reward_weights.png").stat().st_size > 1000
    assert Path("draws.nc").exists()


def test_deterministic_by_a_flag() -> None:
    done = call(
        "fit",
        "bradley-terry",
        "--data",
        pair_support.pairs_path(),
        *STORE,
        "--out",
        "d",
        "--guide",
        "delta",
        "--set",
        "inference.refit=false",
        "--set",
        "inference.max_steps=60",
    )
    assert done.code == 0, done.err
    run = probrm.load("d")
    assert run.baseline is None
    assert float(run.draws["reward_weights"].std(0).max()) == 0


def test_ties_by_a_flag(save: Save) -> None:
    path = save(pair_frame(seed=2, ties=True))
    done = fit(path, "--ties", "davidson", *FEW)
    assert done.code == 0, done.err
    assert "log_tie" in done.out
    assert "pairs are ties" in done.err
    done = fit(path, "--overwrite", *FEW)
    assert "log_tie" not in done.out
    assert "to model them: --ties davidson" in done.err


def test_columns_of_other_names_and_pairs_made_from_ratings(save: Save) -> None:
    path = save(pair_frame().rename(columns={"prompt": "question", "chosen": "better"}))
    assert fit(path, "--columns", "prompt=question,chosen=better", *FEW).code == 0
    rated = pair_support.single_frame(pair_frame())
    rated["helpfulness"] = rated["response"].map(pair_support.reward)
    done = fit(save(rated), "--overwrite", *FEW)
    assert done.code == 0, done.err
    assert "pairs are made by the mean of the attributes" in done.err
    assert "a response is in 5.0 pairs on average" in done.err


def test_rewards_with_the_encoder_from_texts_to_python(tmp_path: Path) -> None:
    """Without a store: through the default encoder and its cache."""
    draw, rows = np.random.default_rng(0), []
    for i in range(120):
        sides = [f"The answer is {i}.", f"Sorry, no idea. Maybe {i}?"]
        rows.append({"prompt": f"What is {i // 2} + 1?", "chosen": sides[0], "rejected": sides[1]})
        if draw.random() < 0.1:
            rows[-1]["chosen"], rows[-1]["rejected"] = sides[::-1]
    pd.DataFrame(rows).to_json("pairs.jsonl", orient="records", lines=True)
    done = call("fit", "bradley-terry", "--data", "pairs.jsonl", "--out", "r", *pair_support.QUICK, *FEW)
    assert done.code == 0, done.err
    found = probrm.load("r").reward("What is 70 + 1?", ["The answer is 71.", "Sorry, no idea. Maybe 3?"])
    assert found.reward[0] > found.reward[1]  # their intervals are those of the level too, which pairs say little about
    assert call("posterior", "r", "--row", "3").code == 0
    done = call("score", "r", "--data", "pairs.jsonl", "--out", "s.csv", "--quiet")
    assert done.code == 0, done.err
    assert np.mean(pd.read_csv("s.csv")["p_chosen"]) > 0.7


# ---- bad input


def test_a_missing_side(save: Save) -> None:
    refused(fit(save(pair_frame().drop(columns="rejected"))), "there is no column 'rejected'", "--columns rejected=NAME")
    frame = pair_frame()
    frame.loc[:99, "rejected"] = ""
    refused(fit(save(frame)), "100 of 300", "(the first is row 1)", "at most 20 %")
    nothing_written()


def test_identical_sides(save: Save) -> None:
    frame = pair_frame()
    refused(fit(save(frame.assign(rejected=frame["chosen"]))), "chosen and rejected are identical in all 300 pairs")
    nothing_written()


def test_one_prompt_only(save: Save) -> None:
    refused(fit(save(pair_frame().assign(prompt="Why?"))), "all 300 pairs answer one prompt", "at least two")
    nothing_written()


def test_too_few_pairs(save: Save) -> None:
    refused(fit(save(pair_frame(9))), "9 usable pairs; at least 20 are needed")


def test_a_log_of_actions_is_no_file_of_pairs(save: Save) -> None:
    refused(fit(save(pair_support.single_frame(pair_frame()).assign(action=1, surface="web"))), "nothing is rated", "--attributes a,-b")


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_a_file_without_texts(command: str) -> None:
    pd.DataFrame({"a": [1, 2]}).to_parquet("a.parquet")
    out = ("--out", "s.csv") if command == "score" else ()
    refused(call(command, pair_support.run_path(), "--data", "a.parquet", *out, *STORE), "a.parquet", "there is no column")


def test_texts_that_the_store_does_not_hold(save: Save) -> None:
    path = save(pair_frame(30, seed=9))
    refused(call("score", pair_support.run_path(), "--data", path, "--out", "s.csv", *STORE), "holds no vector for 60 of 60 texts")
    assert not Path("s.csv").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--ties", "maybe"), ("ties", "drop, davidson")),
        (("--preset", "realhumaneval"), ("realhumaneval", "trl")),
        (("--set", "model.priors.weights.dist=HalfNormal"), ("model.priors.weights", "one side only")),
        (("--set", "model.supervision.weight=1"), ("model.supervision", "there is no such setting")),
        (("--guide", "amortised"), ("amortised", "no latents in its rows")),
        (("--min-difference", "-1"), ("min_difference", "-1")),
    ],
)
def test_flags_that_are_wrong(flags: tuple[str, ...], named: tuple[str, ...]) -> None:
    refused(fit(pair_support.pairs_path(), *flags), *named)
    nothing_written()


def test_a_point_cannot_learn_the_scale_of_its_prior() -> None:
    done = fit(pair_support.pairs_path(), "--guide", "delta", "--inference", "svi", "--set", "model.priors.weights.dist=Horseshoe")
    refused(done, "guide 'delta'", "--set model.priors.weights.scale=10")
    nothing_written()
