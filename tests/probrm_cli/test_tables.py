from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import probrm
from probrm.evaluation import Evaluation, Metric
from probrm_cli.tables import print_evaluation, print_posterior, print_row
from tests import support


def test_a_long_variable_shows_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    run = probrm.load(support.run_path())
    users = tuple(f"user {i}" for i in range(40))
    model: Any = run.model
    model.shape = dataclasses.replace(model.shape, users=users)
    run.draws["user_activity"] = run.draws["base_rate"][:, None] + torch.arange(40.0)
    print_posterior(run)
    printed = capsys.readouterr().out
    for text in (
        "user_activity[user 0]",
        "user_activity[user 2]",
        "user_activity[… 34 more]",
        "user_activity[user 37]",
        "user_activity[user 39]",
    ):
        assert text in printed
    assert "user_activity[user 20]" not in printed
    print_posterior(run, ["user_activity"])
    assert "user_activity[user 20]" in capsys.readouterr().out


def test_effects_of_several_actions_are_shown_and_weights_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    run: Any = probrm.load(support.run_path())
    known, labels = run.model.dims(), run.model.coords()
    run.model.dims = lambda: known | {"propensity_effects": ("action", "propensity_effect"), "propensity_weights": ("action", "feature")}
    run.model.coords = lambda: labels | {"action": ["copied", "liked"], "feature": ["h0", "h1"]}
    run.draws["propensity_effects"] = torch.randn(1000, 2, 2)
    run.draws["propensity_weights"] = torch.randn(1000, 2, 2)
    print_posterior(run)
    printed = capsys.readouterr().out
    assert "propensity_effects[copied, surface[web]]" in printed
    assert "propensity_effects[liked, hour]" in printed
    assert "propensity_weights[" not in printed


def metric(value: float) -> Metric:
    return Metric(value, value - 0.1, value + 0.1)


def test_an_evaluation_without_a_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    print_evaluation(Evaluation(7, {"auroc": metric(0.7), "own": metric(0.5)}))
    printed = capsys.readouterr().out
    assert "AUROC ↑" in printed
    assert "0.700 [0.600, 0.800]" in printed
    assert "own" in printed
    assert "naive" not in printed


def test_an_evaluation_beside_a_baseline_says_who_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    print_evaluation(Evaluation(7, {"auroc": metric(0.7)}, {"auroc": metric(0.5)}, {"auroc": metric(0.2)}))
    line = next(line for line in capsys.readouterr().out.splitlines() if "AUROC" in line)
    assert line.split()[-1] == "better"


def test_pairs_are_called_pairs_and_their_accuracy_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"accuracy": metric(0.7), "pair_accuracy": metric(0.7), "accuracy:easy": metric(0.9)}
    print_evaluation(Evaluation(7, found, found), "vrm model", "bradley-terry model", unit="pairs")
    printed = capsys.readouterr().out
    assert "7 pairs with a known truth" in printed
    assert printed.index("vrm model") < printed.index("bradley-terry model")
    assert "  accuracy:easy" in printed
    assert printed.count("0.700 [0.600, 0.800]") == 2  # the model's and the baseline's, without pair_accuracy


def test_a_row_of_any_model(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "row": "p3",
        "chosen": "yes",
        "reward": {"reward": 1.25, "reward_sd": 9.0, "reward_low": 0.5, "reward_high": 2.0},
        "p_chosen": {"mean": 0.75, "low": 0.5, "high": 0.875},
        "weights": {"help_fulness.2": {"mean": 0.25, "low": 0.125, "high": 0.375}, "other": {"mean": 0.1, "low": 0.0, "high": 0.2}},
        "sizes": {"tokens": 12},
    }
    print_row(found, {"reward.reward": "reward of the chosen", "weights.*": "weight of {}"})
    printed = capsys.readouterr().out
    facts, table = printed.split("mean", 1)
    assert facts.splitlines()[:3] == ["row: p3", "chosen: yes", "sizes: tokens: 12"]
    lines = [" ".join(line.split()) for line in table.splitlines() if "[" in line]
    assert lines == [
        "reward of the chosen 1.250 [0.500, 2.000]",
        "p_chosen 0.750 [0.500, 0.875]",
        "weight of help_fulness.2 0.250 [0.125, 0.375]",
        "weight of other 0.100 [0.000, 0.200]",
    ]
