"""The verdict on real fits of a linear regression with known noise, whose posterior is known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pyro.infer.autoguide import AutoDiagonalNormal
from torch import Tensor

from probrm.data.batch import Batch
from probrm.diagnostics import assess, resample, weights
from probrm.diagnostics.agreement import agreement
from probrm.inference import NUTS, SVI, Fitted, Laplace, fit
from probrm.model import RewardModel
from probrm.posterior import summarise

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]
Closed = Callable[..., tuple[Tensor, Tensor, float]]
DRAWS = 1000
WAYS: dict[str, tuple[str, Any]] = {
    "auto-normal": ("auto-normal", SVI(draws=DRAWS)),
    "low-rank": ("low-rank", SVI(draws=DRAWS)),
    "full-rank": ("full-rank", SVI(draws=DRAWS)),
    "laplace": ("auto-normal", Laplace(draws=DRAWS)),
    "nuts": ("auto-normal", NUTS(draws=DRAWS, chains=2)),
}
GUIDES = ["auto-normal", "full-rank", "laplace", pytest.param("low-rank", marks=pytest.mark.long)]
_HIGH = 1.6449
"""The 95 % quantile of a standard normal."""


def alike(batch: Batch) -> Batch:
    """The rows with their columns in pairs that are nearly alike: the weights of a pair have a correlation near −.9."""
    batch["x"][:, 2::2] = batch["x"][:, 1::2] + 0.3 * batch["x"][:, 2::2]
    return batch


def diagonal(model: RewardModel) -> Any:
    """Independent normals in the weights' own coordinates, which the whitened guides of probrm are not."""
    return AutoDiagonalNormal(model, init_scale=0.05)


@pytest.mark.parametrize("way", [*GUIDES, pytest.param("nuts", marks=pytest.mark.long)])
def test_mean_deviation_and_interval_are_the_closed_form(way: str, regression: Make, simulated: Rows, closed_form: Closed) -> None:
    """Within 5 standard errors of 1,000 draws, and what SVI leaves: .05 sd of the means, 5 % of the widths (see test_conjugate).

    Correlated weights. Of a guide that can represent the posterior k̂ is below .5, the divergence below .02 nats, and the log
    evidence within .02 nats.
    """
    batch, model = alike(simulated(60, 3)), regression(3)
    mean, cov, evidence = closed_form(batch)
    sd = cov.diagonal().sqrt()
    guide, inference = WAYS[way]
    fitted = fit(model, batch, guide=guide, inference=inference, starts=1)
    found = summarise(model, fitted.draws)["weights"]
    left = 0.05 if isinstance(inference, SVI) else 0.0
    draws = DRAWS if way != "nuts" else DRAWS / 2  # effective ones at least
    assert np.abs((found.mean - mean.numpy()) / sd.numpy()).max() < left + 5 / draws**0.5
    assert np.abs(found.sd / sd.numpy() - 1).max() < left + 5 / (2 * draws) ** 0.5
    # A quantile's standard error: √(.05 · .95 / s) over the density there, .1031 / sd.
    error = left * (1 + _HIGH) + 5 * (0.05 * 0.95 / draws) ** 0.5 / 0.1031
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert np.abs((end - (mean + sign * _HIGH * sd).numpy()) / sd.numpy()).max() < error
    if way != "nuts":
        quality = assess(**stats(fitted))
        assert quality.verdict == "good"
        assert quality.kl < 0.02
        assert quality.log_evidence == pytest.approx(evidence, abs=0.02)


def test_a_guide_that_cannot_is_bad(regression: Make, simulated: Rows, closed_form: Closed) -> None:
    """Independent normals over ten pairs of correlated weights take each deviation at a fixed partner: 1 − ρ² of the variance is left.

    Along ten directions at once the ratios' tail looks heavier than the 1 − λ of each (λ the least ratio of variances).
    """
    batch, model = alike(simulated(120, 21)), regression(21)
    mean, cov, evidence = closed_form(batch)
    fitted = fit(model, batch, guide=diagonal(model), inference=SVI(draws=DRAWS, max_steps=800), starts=1)
    found = assess(**stats(fitted))
    assert found.verdict == "bad"
    inside = torch.diag(1 / torch.linalg.inv(cov).diagonal())  # the best independent normal's covariance
    assert 1 - float(torch.linalg.eigvals(torch.linalg.solve(cov, inside)).real.min()) > 0.7
    exact = 0.5 * float(torch.linalg.slogdet(cov)[1] - torch.linalg.slogdet(inside)[1])
    assert exact - 5 * found.elbo_error < evidence - found.elbo < 1.5 * exact  # no independent normal is nearer
    assert 1 < found.kl < evidence - found.elbo  # too small, as its note says, but not unseen
    exactly = torch.distributions.MultivariateNormal(mean, cov).sample((DRAWS,))
    assert agreement(fitted.draws["weights"], exactly).verdict == "too narrow"


@pytest.mark.long
def test_resampling_mends_one_that_is_usable(regression: Make, simulated: Rows, closed_form: Closed) -> None:
    """Mildly correlated weights: the independent guide's deviations are wrong by more than the resampled ones' errors."""
    batch, model = simulated(60, 3), regression(3)
    batch["x"][:, 2] = 0.45 * batch["x"][:, 1] + batch["x"][:, 2]
    mean, cov, _ = closed_form(batch)
    fitted = fit(model, batch, guide=diagonal(model), inference=SVI(draws=4000, patience=8), starts=1)
    found = assess(**stats(fitted))
    assert found.verdict != "bad"
    better = resample(fitted.draws, weights(**stats(fitted)))["weights"].double()
    sd = cov.diagonal().sqrt()
    error = 5 / found.effective_draws**0.5
    assert float(((better.mean(0) - mean) / sd).abs().max()) < error
    assert float((better.std(0) / sd - 1).abs().max()) < error
    assert float((fitted.draws["weights"].std(0) / sd - 1).abs().max()) > 0.03


def stats(fitted: Fitted) -> dict[str, Tensor]:
    return {name: fitted.sample_stats[name] for name in ("log_density", "log_guide")}
