from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats

from probrm.data.logs.actions import parse_actions
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.base_rate import Level, LevelRange
from probrm_models.implicit.identifiability.base_rate_evidence import INFORMED, NARROW, SATURATED, level_evidence
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import MultiActionModel
from tests.probrm_models.implicit.identifiability.base_rate_support import CLOSED, OPEN, around, made_up, rows

SHARP = (0.4, 0.1)
"""Labels that say a logit of .4 ± .1: a rate of .60 ± .02."""


def of(level: Level, *, labels: int = 0, known: float | None = None, model: ImplicitModel | None = None, **centres: Any) -> dict[str, Any]:
    model = model or ImplicitModel(LogShape(2))
    return level_evidence(level, around(model, **centres), model, rows(labels=labels, known=known))


def test_the_prior_governs_what_only_the_link_has_pinned() -> None:
    found = of(made_up())
    assert found["governed_by"] == "prior"
    assert "actions allow 0.20 to 0.80" in found["reason"]
    assert "link alone would say 0.50 ± 0.01, which is no evidence" in found["reason"]
    assert found["link_contraction"] > 0.99
    believed = of(made_up(range_=None), propensity_intercept=-3.0)
    assert believed["governed_by"] == "prior", "level=link leaves that evidence in; the verdict is the same"


def test_labels_govern() -> None:
    found = of(made_up(labels_at=SHARP), labels=100)
    assert found["governed_by"] == "labels"
    assert found["reason"] == "the base rate is fixed by explicit labels: 0.60 ± 0.02"
    assert found["label_contraction"] > INFORMED


def test_few_labels_do_not() -> None:
    found = of(made_up(labels_at=(0.4, 2.0)), labels=5)
    assert found["governed_by"] == "prior"
    assert 0 < found["label_contraction"] < INFORMED


def test_labels_are_credited_with_what_they_add_to_the_prior_alone() -> None:
    """A narrow prior, labels that say no more than it does: the assumption governs."""
    found = of(made_up(labels_at=(0.0, 1.0), prior=(50.0, 50.0)), labels=5)
    assert found["governed_by"] == "assumption"
    assert found["label_contraction"] < 0.1


def test_an_assumption_governs_below_a_prior_of_so_much() -> None:
    found = of(made_up(prior=(9.2, 13.8)))
    assert found["governed_by"] == "assumption"
    assert found["reason"] == "the base rate is taken from what was assumed: 0.40 ± 0.10"
    assert found["prior"]["sd"] < NARROW
    assert of(made_up(prior=(3.0, 3.0)))["governed_by"] == "prior"


def test_saturation_governs() -> None:
    found = of(made_up(range_=CLOSED))
    assert found["governed_by"] == "saturation"
    assert found["reason"] == "rows where preference and propensity come near 1 narrow the base rate down to 0.50 ± 0.01"
    wide = LevelRange(0.4, 0.4 * (SATURATED + 0.01))
    assert of(made_up(range_=wide))["governed_by"] == "prior"


def test_saturation_is_looked_for_in_the_draws_where_the_link_is_believed() -> None:
    """Steep rewards and a propensity close to 1 leave no factor; flat ones do."""
    steep = of(made_up(range_=None), reward_weights=[8.0, 0.0], propensity_intercept=5.0)
    assert steep["governed_by"] == "saturation"
    flat = of(made_up(range_=None), reward_weights=[0.5, 0.0], propensity_intercept=-1.0)
    assert flat["governed_by"] == "prior"
    low, high = flat["range"]
    assert low == pytest.approx(0.5 * float(torch.sigmoid(torch.tensor(-1.0))), rel=0.05)
    assert high > 0.6


def test_an_experiment_governs() -> None:
    found = of(made_up(range_=None), known=0.4)
    assert found["governed_by"] == "experiment"
    assert of(made_up(), known=float("nan"))["governed_by"] == "prior", "a column without a number is no experiment"


def test_several_actions_govern() -> None:
    shape = LogShape(2, actions=parse_actions(("copied", "liked", "-regenerated")))
    model = MultiActionModel(shape)
    draws = around(model)
    draws["propensity_intercept"] = 0.3 * torch.randn(400, 3)
    found = level_evidence(made_up(range_=None), draws, model, rows())
    assert found["governed_by"] == "actions"
    assert found["reason"] == "the base rate is fixed by several actions"


def test_contraction_is_of_the_draws() -> None:
    found = of(made_up(), sd=0.1)
    rate = torch.sigmoid(made_up().grid)
    assert found["prior"]["mean"] == pytest.approx(0.5, abs=1e-6)
    assert found["prior"]["sd"] == pytest.approx(stats.beta(2, 2).std(), rel=0.02)
    posterior = float(around(ImplicitModel(LogShape(2)), sd=0.1)["base_rate"].double().std())
    assert found["posterior"]["sd"] == pytest.approx(posterior)
    assert found["contraction"] == pytest.approx(1 - (posterior / found["prior"]["sd"]) ** 2)
    assert found["range"] == [OPEN.low, OPEN.high]
    assert len(rate) == 801


def test_profile_for_a_figure() -> None:
    found = of(made_up())["profile"]
    assert {len(column) for column in found.values()} == {33}
    assert found["base_rate"] == sorted(found["base_rate"])
    assert max(found["log_evidence"]) == 0.0
    inside = [
        t - e for r, e, t in zip(found["base_rate"], found["log_evidence"], found["taken_out"], strict=True) if OPEN.low < r < OPEN.high
    ]
    assert max(inside) - min(inside) < 1e-6


def test_intercept_correlation_fires_where_one_rises_as_the_other_falls() -> None:
    model = ImplicitModel(LogShape(2), ImplicitConfig())
    draws = around(model, sd=0.05)
    apart = level_evidence(made_up(), draws, model, rows())["intercept_correlation"]
    draws["propensity_intercept"] = -4.0 * (draws["base_rate"] - 0.5) + 0.01 * torch.randn(400)
    together = level_evidence(made_up(), draws, model, rows())["intercept_correlation"]
    assert abs(apart) < 0.2  # 400 draws: an error of .05
    assert together < -0.95


def test_no_propensity_intercept_no_correlation() -> None:
    model = ImplicitModel(LogShape(2))
    draws = around(model)
    del draws["propensity_intercept"]
    assert level_evidence(made_up(), draws, model, rows())["intercept_correlation"] is None


def test_the_likelihood_interval_is_that_of_the_actions() -> None:
    """A normal evidence of deviation .04 in the logit has lost 2 nats at ±.08, whatever is taken out of it and whatever labels say."""
    for level in (made_up(), made_up(range_=None), made_up(labels_at=(1.0, 0.1))):
        found = of(level)["likelihood_interval"]
        assert (found["low"], found["high"]) == pytest.approx((1 / (1 + math.exp(0.08)), 1 / (1 + math.exp(-0.08))), abs=1e-4)
        assert {found["reaches_low"], found["reaches_high"]} == {False}
