from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from probrm.diagnostics import RefereeReport, SamplerQuality
from probrm.diagnostics.agreement import Agreement
from probrm.diagnostics.approximation import assess
from probrm.diagnostics.trust import of_guide, of_referee, of_sampler, trust
from probrm.posterior.summary import Variable

FINE = SamplerQuality(2, 1000, 1.004, 700.0, 500.0, 0)
AGREES, NARROW = Agreement(0.02, 0.05, 0.98, 1.0, 1.02, 0.9, 0.89), Agreement(0.02, 0.05, 0.6, 0.7, 0.8, 0.8, 0.7)
WRONG = Agreement(0.02, 0.05, 0.3, 0.4, 0.5, 0.5, 0.4)


class Posterior:
    """As much of a run as is asked for."""

    def __init__(self, draws: torch.Tensor, stats: dict[str, np.ndarray], *, sampled: bool = False) -> None:
        self.draws, self.sample_stats, self.sampled, self.chains = {"w": draws}, stats, sampled, 2
        self.config: dict[str, Any] = {}

    def summary(self) -> dict[str, Variable]:
        mean, sd, low, high = (np.array(x) for x in (0.0, 1.0, -1.6, 1.6))
        return {"w": Variable(mean, sd, low, high, {}, np.array([700.0, 900.0]), np.array([500.0, 800.0]), np.array([1.004, np.nan]))}


def normal(width: float, count: int = 4000) -> Posterior:
    """A guide N(0, width²) of the posterior N(0, 1)."""
    z = np.random.default_rng(0).normal(0, width, count)
    stats = {"log_density": scipy.stats.norm.logpdf(z), "log_guide": scipy.stats.norm.logpdf(z, 0, width)}
    return Posterior(torch.from_numpy(z), stats)


def report(sampler: SamplerQuality = FINE, refitted: bool = False, **variables: Agreement) -> RefereeReport:
    return RefereeReport("svi, auto-normal", refitted, 200, 900, {}, None, variables, sampler, 1.0)


@pytest.mark.parametrize(
    ("width", "verdict", "told"),
    [
        (1.0, "yes", "(good;"),
        (0.95, "yes", "(good;"),
        (0.75, "with care", "too narrow: w (covers "),
        (0.2, "no", "(bad;"),
        (1.5, "with care", "too wide: w (covers 99 %)"),  # k̂ does not see it
    ],
)
def test_guides(width: float, verdict: str, told: str) -> None:
    found = trust(normal(width))
    assert found.verdict == verdict
    assert told in str(found)
    assert json.loads(json.dumps(found.to_dict())) == {"verdict": verdict, "reasons": found.reasons}


def test_resampled_draws_are_trusted_where_enough_of_them_are_left() -> None:
    assert trust(normal(0.75)).verdict == "with care"
    assert trust(normal(0.75), resampled=True).verdict == "yes"
    assert trust(normal(0.2), resampled=True).verdict == "no"
    assert "effective draws" in str(trust(normal(0.9, 90)))
    assert trust(normal(0.9, 90)).verdict == "with care"


@pytest.mark.parametrize(("size", "width", "verdict"), [(600, 0.95, "with care"), (600, 0.7, "no"), (10, 0.4, "no")])
def test_errors_of_many_latents_add_up(size: int, width: float, verdict: str) -> None:
    """600 latents, each 5 % too narrow: k̂ is bad and the intervals are fair. Much narrower ones, or few latents, are another matter."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, width, (1000, size))
    stats = {"log_density": scipy.stats.norm.logpdf(z).sum(1), "log_guide": scipy.stats.norm.logpdf(z, 0, width).sum(1)}
    found = trust(Posterior(torch.from_numpy(z), stats))
    assert found.verdict == verdict
    assert "(bad;" in str(found)
    assert "--referee" in str(found)


def test_a_point_has_no_intervals() -> None:
    assert trust(Posterior(torch.ones(100), {})).verdict == "no intervals"
    assert trust(Posterior(torch.randn(1), {})).verdict == "no intervals"


def test_draws_without_densities() -> None:
    found = trust(Posterior(torch.randn(100), {}))
    assert (found.verdict, "densities" in str(found)) == ("with care", True)


def test_a_sampler_is_judged_by_its_chains() -> None:
    stats = {"diverging": np.zeros(1000, bool), "n_steps": np.ones(1000)}
    found = trust(Posterior(torch.randn(1000), stats, sampled=True))
    assert str(found) == "yes: R̂ at most 1.004, effective draws 700 (tails 500) at least, 0 divergences"  # NaN does not vary


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "yes"),
        ({"r_hat": 1.02}, "with care"),
        ({"ess_bulk": 300.0}, "with care"),
        ({"ess_tail": 300.0}, "with care"),
        ({"divergences": 3}, "with care"),
        ({"chains": 1, "r_hat": math.nan}, "with care"),
        ({"r_hat": 1.06}, "no"),
        ({"ess_bulk": 90.0}, "no"),
        ({"divergences": 11}, "no"),
    ],
)
def test_samplers(changed: dict[str, Any], verdict: str) -> None:
    assert of_sampler(dataclasses.replace(FINE, **changed)).verdict == verdict


@pytest.mark.parametrize("width", [0.2, 0.75, 1.0])
def test_the_referee_outweighs_k_hat(width: float) -> None:
    run = normal(width)
    assert trust(run, report(w=AGREES, b=AGREES)).verdict == "yes"
    found = trust(run, report(w=NARROW, b=AGREES, refitted=True))
    assert found.verdict == "with care"
    assert found.reasons[0] == "NUTS on 200 of 900 rows: too narrow: w (covers 80 %)"
    assert trust(run, report(w=NARROW, b=WRONG)).verdict == "no"


def test_a_referee_that_has_not_converged_judges_nothing() -> None:
    known = trust(normal(1.0))
    found = of_referee(report(dataclasses.replace(FINE, r_hat=1.3), w=WRONG), known)
    assert found.verdict == known.verdict == "yes"
    assert "has not converged itself" in found.reasons[-1]


def test_what_more_draws_said_at_the_fit_takes_the_place_of_k_from_the_few_that_are_kept() -> None:
    """Three hundred coordinates that are 4 % too narrow: k̂ of 200 draws is a lottery, and the fit's own verdict stands."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(200, 300))
    log_guide, log_density = -0.5 * (draws**2).sum(1), (-0.5 * (0.96 * draws) ** 2).sum(1)
    values = {"x": torch.from_numpy(draws)}
    good = assess(np.zeros(4000), np.zeros(4000))
    assert of_guide(values, log_density, log_guide, seen=good).verdict == "yes"
    bad = dataclasses.replace(good, k_hat=math.inf, verdict="bad")
    assert of_guide(values, log_density, log_guide, seen=bad).verdict == "no"
