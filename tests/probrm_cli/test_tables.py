from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import probrm
from probrm.evaluation import Evaluation, Metric
from probrm_cli.tables import print_evaluation, print_posterior
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
