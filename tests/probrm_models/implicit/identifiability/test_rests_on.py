"""What intervals rest on: shares of a variance that is known, and widths after more data in closed form."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch

from probrm.data import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.identifiability.rests_on import EXPOSURES, LABELS, rests_on, told
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.own_parts import SITE

S, TAU, LEVEL_SD = 20_000, 0.6, 0.3


@pytest.fixture
def found() -> dict[str, object]:
    """One feature whose weight has deviation .5 before and .25 after the data; the rows' own features are ±1; propensity one half."""
    torch.manual_seed(0)
    draws = {
        "base_rate": torch.sigmoid(LEVEL_SD * torch.randn(S)),
        "reward_weights_scale": torch.full((S,), 0.5),
        "reward_weights": 0.25 * torch.randn(S, 1),
        "propensity_intercept": torch.zeros(S),
        SITE: torch.full((S,), TAU),
    }
    n = 40
    columns = {
        "embedding": torch.where(torch.arange(n)[:, None] % 2 == 0, 1.0, -1.0),
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": torch.zeros(n, 0),
        "user": torch.zeros(n, dtype=torch.long),
        "action": torch.zeros(n),
        "label": torch.full((n,), math.nan),
        "weight": torch.ones(n),
    }
    return rests_on(ImplicitModel(LogShape(1)), draws, Batch(columns, n), "prior")


def width(level: float, features: float, own: float) -> float:
    wider = 1 + math.pi * TAU**2 / 8
    sd = math.sqrt(wider * (level + features) + own)
    return 2 / (1 + math.exp(-NormalDist().inv_cdf(0.95) * sd)) - 1


def test_shares_and_widths_are_those_of_the_known_variances(found: dict) -> None:
    level, features, own = LEVEL_SD**2, 0.25**2, TAU**2
    wider = 1 + math.pi * TAU**2 / 8
    whole = wider * (level + features) + own
    assert sum(found["shares"].values()) == pytest.approx(1, abs=1e-6)
    assert found["shares"]["own"] == pytest.approx(own / whole, rel=0.05)
    assert found["shares"]["features"] == pytest.approx(wider * features / whole, rel=0.05)
    assert found["shares"]["base_rate"] == pytest.approx(wider * level / whole, rel=0.05)
    assert found["width"] == pytest.approx(width(level, features, own), rel=0.03)
    assert found["ranking_contraction"] == pytest.approx(1 - 0.25**2 / 0.5**2, abs=0.02)


def test_expected_widths_add_the_expected_information(found: dict) -> None:
    level, features, own = LEVEL_SD**2, 0.25**2, TAU**2
    labelled = 1 / (1 / level + LABELS * 0.25)
    twice = 1 / (2 / features - 1 / 0.5**2)
    information = 0.5 * 0.5 * 0.25 / (1 - 0.25)
    assert found["expected"]["labels"] == pytest.approx(width(labelled, features, own), rel=0.03)
    assert found["expected"]["rows"] == pytest.approx(width(level, twice, own), rel=0.03)
    assert found["expected"]["exposures"] == pytest.approx(width(level, features, 1 / (1 / own + EXPOSURES * information)), rel=0.03)
    assert min(found["expected"].values()) < found["width"]


def test_the_line_names_the_largest_gain(found: dict) -> None:
    line = told(found)
    assert f"{min(found['expected'].values()):.2f}" in line
    assert "answers shown several times" in line
    assert "its prior" in line
    assert "its prior, since hardly any answer is shown twice" in told(found | {"own_by": "prior"})
