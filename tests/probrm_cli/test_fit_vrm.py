"""The variational reward model from the command line: fit, evaluate, score, posterior, and what bad input gets."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probrm
from tests import pair_support, support
from tests.pair_support import pair_frame
from tests.support import Outcome, call, refused

STORE = ("--embeddings", pair_support.store_path())
QUICK = (
    "--set",
    "model.selection=objectives",  # their prompts do not ask for different things: the rule would use one
    "--set",
    "inference.max_steps=20",
    "--set",
    "inference.eval_every=10",
    "--set",
    "inference.draws=200",
    "--set",
    "inference.refit=false",
)
Save = Callable[[Any], str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(frame: Any) -> str:
        frame.to_parquet(tmp_path / "pairs.parquet")
        return str(tmp_path / "pairs.parquet")

    return write


def scored_frame(m: int = 120) -> Any:
    """Pairs with two attributes on both sides."""
    return scored(pair_frame(m))


def scored(frame: Any) -> Any:
    for k, name in enumerate(("helpful", "brief")):
        for side in ("chosen", "rejected"):
            frame[f"{side}_{name}"] = [float(pair_support.vector(text)[k]) for text in frame[side]]
    return frame


def arguments(path: str, *flags: str, out: str = "r") -> tuple[str, ...]:
    return ("fit", "vrm", "--data", path, *STORE, "--out", out, *QUICK, *flags)


def fit(path: str, *flags: str) -> Outcome:
    return call(*arguments(path, *flags))


@functools.cache
def fitted() -> tuple[str, Outcome]:
    """A run, and what the command said, called with ``--json``; do not write to it."""
    folder = Path(pair_support.pairs_path()).parent
    scored_frame().to_parquet(folder / "with_scores.parquet")
    with support.environment():
        done = call(*arguments(str(folder / "with_scores.parquet"), "--json", "--certificate", out=str(folder / "vrm")))
    assert done.code == 0, done.err
    return str(folder / "vrm"), done


def nothing_written() -> None:
    assert not [path for path in Path().iterdir() if path.name.startswith(("r", ".r"))]


def test_fit_tells_the_posterior_the_weights_and_what_each_latent_buys() -> None:
    shutil.copytree(fitted()[0], "r")
    done = fit(str(Path(fitted()[0]).with_name("with_scores.parquet")), "--certificate", "--resume")  # shows the run that is there
    assert done.code == 0, done.err
    assert "residual" in done.out
    assert "objective weights across prompts, mean ± sd: helpful 0." in done.out
    assert "latents in use: weights" in done.out
    assert "held-out pairs, nats a pair: -0." in done.out
    assert "the deterministic model: -0." in done.out
    assert "attributes: helpful, brief" in done.err
    assert "attributes: helpful, brief" in fitted()[1].err


def test_fit_as_json() -> None:
    found = json.loads(fitted()[1].out)
    assert {"run", "diagnostics", "identifiability", "pac_bayes"} <= set(found)
    assert {"latents", "usefulness", "held_out_log_likelihood", "baseline_held_out_log_likelihood"} <= set(found["diagnostics"])
    assert set(found["diagnostics"]["latents"]["kl"]) == {"weights", "features"}
    assert found["pac_bayes"]["paper"]["kind"] == "paper"


def test_flags_of_supervision_attributes_and_ties(save: Save) -> None:
    path = save(scored(pair_frame(150, seed=2, ties=True)))
    flags = ("--supervision", "rank", "--lambda", "0.7", "--attributes", "brief,helpful", "--ties", "davidson")
    done = fit(path, *flags, "--set", "model.objectives=3")
    assert done.code == 0, done.err
    run = probrm.load("r")
    assert run.config["model"]["supervision"] == {"loss": "rank", "weight": 0.7}
    assert run.model.shape.objectives == ("brief", "helpful", "objective_3")  # type: ignore[union-attr]
    assert "log_tie" in done.out


def test_score_of_pairs_and_of_single_responses() -> None:
    done = call("score", fitted()[0], "--data", pair_support.other_path(), "--out", "s.parquet", *STORE)
    assert done.code == 0, done.err
    frame = pd.read_parquet("s.parquet")
    names = [f"weight_{name}{suffix}" for name in ("helpful", "brief") for suffix in ("", "_low", "_high")]
    scores = [f"score_{name}_{side}" for name in ("helpful", "brief") for side in ("chosen", "rejected")]
    assert list(frame.columns)[-13:] == [*scores, *names, "p_chosen", "p_chosen_low", "p_chosen_high"]
    d = np.array([pair_support.reward(c) - pair_support.reward(r) for c, r in zip(frame["chosen"], frame["rejected"], strict=True)])
    assert np.corrcoef(frame["p_chosen"], d)[0, 1] > 0.7
    pair_support.single_frame(pair_frame(30, seed=1)).drop_duplicates().to_csv("single.csv", index=False)
    done = call("score", fitted()[0], "--data", "single.csv", "--out", "s.csv", *STORE, "--json")
    assert json.loads(done.out)["scored"] == 60
    scored = pd.read_csv("s.csv")
    assert {"score_helpful", "score_brief", *names, "reward", "reward_sd", "reward_low", "reward_high", "probability"} <= set(
        scored.columns
    )
    assert np.corrcoef(scored["reward"], scored["response"].map(pair_support.reward))[0, 1] > 0.7


def test_score_with_weights_given_by_hand() -> None:
    pair_support.single_frame(pair_frame(30, seed=1)).drop_duplicates().to_csv("single.csv", index=False)
    flags = ("--data", "single.csv", *STORE, "--overwrite")
    done = call("score", fitted()[0], *flags, "--out", "s.csv", "--weights", "brief=2")
    assert done.code == 0, done.err
    assert "given by hand, the same for every prompt: helpful 0, brief 1 (those given sum to 2 and were divided by that)" in done.err
    scored: Any = pd.read_csv("s.csv")
    np.testing.assert_allclose(scored["reward"], scored["score_brief"], atol=0.2)  # up to draws of what the embedding does not tell
    assert (scored["weight_brief"] == 1).all()
    done = call(
        "score", fitted()[0], "--data", pair_support.other_path(), *STORE, "--out", "p.csv", "--weights", "helpful=0.7,brief=0.3", "--json"
    )
    told = json.loads(done.out)
    assert told["weights"]["used"] == {"helpful": 0.7, "brief": 0.3}
    assert told["notes"][-1].endswith("helpful 0.7, brief 0.3")
    frame = pd.read_csv("p.csv")
    gap = sum(w * (frame[f"score_{name}_chosen"] - frame[f"score_{name}_rejected"]) for name, w in (("helpful", 0.7), ("brief", 0.3)))
    assert np.corrcoef(gap, np.log(frame["p_chosen"] / (1 - frame["p_chosen"])))[0, 1] > 0.99


def test_posterior_and_report_say_what_the_objectives_are() -> None:
    run = fitted()[0]
    done = call("posterior", run)
    for text in (
        "What the objectives are",
        "helpful: weight 0.",
        "answers that it favours most, and least",
        "rating of brief",
        "Question 0.",
    ):
        assert text in done.out, text
    assert "What the objectives are" not in call("posterior", run, "--var", "residual").out
    found = json.loads(call("posterior", run, "--json").out)["objectives"]
    assert found["brief"]["answers_low"][0]["text"].startswith("answer 0.")
    assert {"value", "low", "high"} == set(found["brief"]["correlations"]["added"]["length"])
    assert "objectives" in json.loads(call("report", run, "--out", "r.html", "--json").out)["sections"]
    html = Path("r.html").read_text()
    assert "What the objectives are" in html
    assert "Names of objectives not checked: 10 held-out prompts" in html  # among the caveats


def test_evaluate_names_both_models() -> None:
    done = call("evaluate", fitted()[0], "--data", pair_support.other_path(), *STORE, "--bootstrap", "50", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["metrics"]["accuracy"]["value"] > 0.6
    assert {"nll", "brier", "ece", "accuracy_certain_half", "certainty_auroc", "aurc", "accuracy:easy"} <= set(found["metrics"])
    assert "accuracy" in found["baseline"]
    done = call("evaluate", fitted()[0], "--data", pair_support.other_path(), *STORE, "--bootstrap", "50")
    assert "vrm model" in done.out
    assert "deterministic model" in done.out


def test_one_pair_is_shown_with_weights_and_contributions() -> None:
    done = call("posterior", fitted()[0], "--row", "r3")
    assert done.code == 0, done.err
    assert "weight of helpful" in done.out
    assert "brief: what it adds for the chosen response (logit)" in done.out
    found = json.loads(call("posterior", fitted()[0], "--row", "r3", "--json").out)
    assert {"reward", "p_chosen", "weights", "contributions", "scores_of_chosen", "scores_of_rejected"} <= set(found)


def test_the_posterior_with_names_and_figures() -> None:
    done = call("posterior", fitted()[0], "--var", "contrasts", "--plots", "figures", "--netcdf", "draws.nc")
    assert done.code == 0, done.err
    assert "contrasts[c1, h0]" in done.out
    assert Path("draws.nc").exists()
    assert list(Path("figures").glob("*.png"))


def test_resume_leaves_no_states_behind_and_attributes_may_be_left_out_of_the_loss(save: Save) -> None:
    done = fit(save(scored_frame()), "--resume", "--lambda", "0")
    assert done.code == 0, done.err
    assert sorted(path.name for path in Path().iterdir()) == ["pairs.parquet", "r"]
    assert probrm.load("r").config["model"]["supervision"]["weight"] == 0
    assert "log_tie" not in done.out


# ---- bad input


@pytest.mark.parametrize("inference", ["laplace", "nuts"])
def test_latents_of_a_network_are_summed_out_by_nobody(inference: str) -> None:
    network = ("--set", "model.decoder.name=mlp", "--set", "model.features.prior=standard")
    done = call("fit", "vrm", "--data", pair_support.pairs_path(), *STORE, "--out", "r", "--inference", inference, *network)
    refused(done, f"inference '{inference}'", "model.decoder.name", "use --inference svi")
    nothing_written()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--set", "model.objectives=1"), ("model.objectives is 1", "2 attributes (helpful, brief)", "--attributes helpful")),
        (("--supervision", "hinge"), ("supervision", "hinge")),
        (("--lambda", "-1"), ("supervision.weight", "-1")),
        (("--attributes", "helpful,kind"), ("kind",)),
        (("--set", "model.decoder.name=mlp"), ("decoder.name", "features.prior")),
        (("--guide", "amortised", "--set", "model.features.prior=standard"), ("guide 'amortised'", "--guide auto-normal")),
        (("--set", "model.priors.contrasts.dist=HalfNormal"), ("model.priors.contrasts", "one side only")),
        (("--set", "model.weights.family=softmax"), ("model.weights.family", "softmax")),
    ],
)
def test_flags_that_are_wrong(save: Save, flags: tuple[str, ...], named: tuple[str, ...]) -> None:
    refused(fit(save(scored_frame()), *flags), *named)
    nothing_written()


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ("helpfull=1", ("--weights", "'helpfull'", "allowed: helpful, brief", "did you mean 'helpful'?")),
        ("helpful=-1", ("--weights", "helpful is -1", "finite numbers of 0 or more")),
        ("helpful=0,brief=0", ("--weights", "at least one number above 0")),
        ("helpful=1,helpful=2", ("--weights", "'helpful' is given twice")),
        ("helpful", ("--weights", "found 'helpful'; allowed: NAME=NUMBER")),
    ],
)
def test_weights_that_are_wrong(weights: str, named: tuple[str, ...]) -> None:
    refused(call("score", fitted()[0], "--data", pair_support.other_path(), *STORE, "--out", "s.csv", "--weights", weights), *named)
    assert not Path("s.csv").exists()


def test_a_model_without_objectives_takes_no_weights() -> None:
    flags = ("--data", pair_support.other_path(), *STORE, "--out", "s.csv", "--weights", "helpful=1")
    refused(call("score", pair_support.run_path(), *flags), "--weights", "'bradley-terry' has no objectives", "leave --weights out")


def test_attributes_that_cannot_be_used_are_left_out_unless_they_are_asked_for(save: Save) -> None:
    """On one side only, the same everywhere, or text."""
    path = save(scored_frame().assign(chosen_clear=3.0, chosen_honest=3.0, rejected_honest=3.0, chosen_brief="good"))
    for name, refusal in {
        "clear": "is scored on one side only",
        "honest": "is 3 everywhere",
        "brief": "row 1, column 'chosen_brief': found 'good'",
    }.items():
        refused(fit(path, "--attributes", f"helpful,{name}"), name, refusal)
        nothing_written()
    done = fit(path)
    assert done.code == 0, done.err
    for told in (
        "the other side has no such column: chosen_clear",
        "no pair's two sides differ in it: honest",
        "ignored: chosen_brief",
    ):
        assert told in done.err
    assert probrm.load("r").model.shape.objectives == ("helpful",)  # type: ignore[union-attr]


def test_a_score_that_is_text_among_numbers(save: Save) -> None:
    scores = scored_frame()["chosen_brief"].map(str)
    scores[7] = "good"
    refused(fit(save(scored_frame().assign(chosen_brief=scores))), "row 8, column 'chosen_brief'", "found 'good'", "finite numbers")
    nothing_written()


def test_two_settings_that_do_not_go_together_are_told_in_a_line() -> None:
    """Not with the whole table of settings that they stand in."""
    outcome = call("fit", "vrm", "--data", pair_support.pairs_path(), "--out", "r", "--set", "model.decoder.name=mlp")
    refused(outcome, "decoder.name", 'features.prior = "standard"')
    assert "concentration" not in outcome.err
