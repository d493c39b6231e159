from __future__ import annotations

import math

import pytest

from probrm.errors import ConfigError
from probrm.priors import Beta, HalfNormal, Horseshoe, Laplace, LogNormal, Normal, StudentT
from probrm.priors.checks import check_scales, check_support, check_unbounded
from probrm_models.bradley_terry.config import BradleyTerryPriors


@pytest.mark.parametrize("prior", [Normal(), Normal(0.0, HalfNormal(1.0)), StudentT(), Laplace(), Horseshoe()])
def test_priors_on_weights(prior: object) -> None:
    check_unbounded("model.priors.weights", prior)  # type: ignore[arg-type]


@pytest.mark.parametrize("prior", [HalfNormal(), LogNormal(), Beta()])
def test_one_sided_priors_are_none_on_weights(prior: object) -> None:
    with pytest.raises(ConfigError, match=r"model\.priors\.weights: \w+ gives values on one side only.*\n.*dist=Normal"):
        check_unbounded("model.priors.weights", prior)  # type: ignore[arg-type]


def test_a_scale_that_can_be_negative() -> None:
    check_scales(BradleyTerryPriors())
    with pytest.raises(ConfigError, match=r"model\.priors\.weights\.scale: Normal can give values outside positive numbers"):
        check_scales(BradleyTerryPriors(weights=Normal(0.0, Normal(0.0, 1.0))))


def test_support_within_bounds() -> None:
    check_support("x", Beta(), 0.0, 1.0, "(0, 1)", "Beta")
    with pytest.raises(ConfigError, match=r"x: HalfNormal can give values outside \(0, 1\)"):
        check_support("x", HalfNormal(), 0.0, 1.0, "(0, 1)", "Beta")
    check_support("x", HalfNormal(), 0.0, math.inf, "positive numbers", "HalfNormal")
