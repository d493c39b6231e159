"""Every guide against posteriors in closed form, through the whole of ``fit`` and from starts that are wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats
import torch
from pyro.infer import Trace_ELBO
from torch import Tensor

from probrm.coordinates.scale_conditional import ScaleConditional
from probrm.data.batch import Batch
from probrm.guides import Layout, WhitenedGuide, Whitening, build_guide
from probrm.inference import SVI, Fitted, fit
from probrm.inference.svi.train import run_svi
from probrm.model import RewardModel
from probrm.priors import HalfNormal, Normal

st = cast(Any, scipy.stats)  # its frozen distributions have no types

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]
NORMALS = ["auto-normal", "low-rank", "full-rank"]
CASES = {"mean of known variance": (40, 1), "regression": (60, 3), "wide regression": (40, 25)}


def moments(guide: Any) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a guide over one real-valued site, in closed form rather than from draws."""
    assert isinstance(guide, WhitenedGuide)
    assert isinstance(guide.coordinates, Whitening)
    density: Any = guide.family()
    centre = guide.coordinates.loc
    m = (guide.coordinates(torch.eye(len(centre))) - centre).T.double()
    full = getattr(density, "covariance_matrix", None)
    inner = torch.diag(density.variance) if full is None else full
    return (guide.coordinates(density.mean).detach().double()), m @ inner.detach().double() @ m.T


def check(guide: Any, mean: Tensor, cov: Tensor, *, shift: float = 0.05, ratio: tuple[float, float] = (0.95, 1.05)) -> None:
    """Fails where a mean is farther off than ``shift`` posterior sd, or an sd by more than ``ratio``."""
    found_mean, found_cov = moments(guide)
    sd = cov.diagonal().sqrt()
    assert float(((found_mean - mean) / sd).abs().max()) < shift
    ratios = found_cov.diagonal().sqrt() / sd
    assert ratio[0] < float(ratios.min())
    assert float(ratios.max()) < ratio[1]


def elbo(model: RewardModel, guide: Any, batch: Batch, count: int = 50) -> tuple[float, float]:
    """Its mean over draws, and the standard error."""
    with torch.no_grad():
        values = torch.tensor([-float(Trace_ELBO().loss(model, guide, batch)) for _ in range(count)])
    return float(values.mean()), float(values.std()) / count**0.5


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NORMALS)
def test_fit_ends_at_the_conjugate_posterior(
    name: str, case: str, regression: Make, simulated: Rows, closed_form: Callable[..., Any]
) -> None:
    """Means within .05 sd, sd ratio in .95–1.05, ELBO the log evidence within .02 nats plus 5 standard errors (0 of 11 seeds fail)."""
    n, size = CASES[case]
    batch, model = simulated(n, size), regression(size)
    mean, cov, evidence = closed_form(batch)
    fitted = fit(model, batch, guide=name, inference=SVI(draws=10), starts=1)
    check(fitted.guide, mean, cov)
    value, error = elbo(model, fitted.guide, batch)
    assert abs(value - evidence) < 0.02 + 5 * error
    assert fitted.history.records[-1]["elbo"] * n == pytest.approx(evidence, abs=1.0)  # of a single draw


@pytest.mark.parametrize("name", NORMALS)
def test_training_finds_the_posterior_from_a_start_that_is_wrong(
    name: str, regression: Make, simulated: Rows, closed_form: Callable[..., Any]
) -> None:
    """Centred half a posterior sd off, 30 % too wide: what the Laplace start hides, the training alone must do.

    ``auto-normal`` may not turn, so the start has the posterior's correlations. Failure rate: 0 of 11 seeds.
    """
    batch, model = simulated(60, 3), regression(3)
    mean, cov, evidence = closed_form(batch)
    off = Whitening(
        mean + 0.5 * cov.diagonal().sqrt(), torch.zeros(0).double(), torch.zeros(0, 3).double(), torch.linalg.inv(1.69 * cov)
    ).float()
    guide = build_guide(name, model, Layout.of(model, batch), off)
    before = elbo(model, guide, batch)[0]
    with pytest.raises(AssertionError):
        check(guide, mean, cov)
    run_svi(model, guide, batch, SVI(patience=8))
    check(guide, mean, cov)
    value, error = elbo(model, guide, batch)
    assert before < evidence - 0.1
    assert abs(value - evidence) < 0.02 + 5 * error


@pytest.mark.parametrize("name", ["low-rank", "full-rank"])
def test_families_with_correlations_learn_them(name: str, regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    """From independent coordinates to a correlated posterior (two columns nearly alike): the whole covariance within 30 %.

    Measured over 11 seeds: low-rank, which starts with nearly nothing in its factor, ends up to 23 % off, full-rank 10 %."""
    batch, model = simulated(60, 3), regression(3)
    batch["x"][:, 2] = batch["x"][:, 1] + 0.5 * batch["x"][:, 2]
    mean, cov, _ = closed_form(batch)
    assert float(cov[1, 2] / (cov[1, 1] * cov[2, 2]).sqrt()) < -0.7
    flat = Whitening.diagonal(mean, cov.diagonal().sqrt()).float()
    guide = build_guide(name, model, Layout.of(model, batch), flat)
    run_svi(model, guide, batch, SVI(patience=10))
    check(guide, mean, cov, shift=0.1, ratio=(0.8, 1.2))
    sd = cov.diagonal().sqrt()
    assert float(((moments(guide)[1] - cov) / torch.outer(sd, sd)).abs().max()) < 0.3


def test_minibatches_reach_the_same_posterior(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    """100 of 1,000 rows a step: means within .1 sd, but widths within 30 % only.

    Measured over 12 seeds: shifts up to .04 sd, sd ratios .87–1.23. The default takes all rows at this size.
    """
    batch, model = simulated(1000, 3), regression(3)
    mean, cov, _ = closed_form(batch)
    fitted = fit(model, batch, inference=SVI(batch_size=100, draws=10), starts=1)
    check(fitted.guide, mean, cov, shift=0.1, ratio=(0.7, 1.3))


def test_delta_is_at_the_mode(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    batch = simulated(60, 3)
    mean, cov, _ = closed_form(batch)
    draws = fit(regression(3), batch, guide="delta", inference=SVI(draws=5), starts=1).draws["weights"]
    assert float(draws.std(0).max()) == 0.0
    assert float(((draws[0] - mean) / cov.diagonal().sqrt()).abs().max()) < 1e-3


def test_laplace_is_exact_here(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    batch = simulated(60, 3)
    mean, cov, _ = closed_form(batch)
    check(fit(regression(3), batch, inference="laplace", starts=1).guide, mean, cov, shift=1e-3, ratio=(0.999, 1.001))


def test_draws_are_those_of_the_guide(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    """4,000 draws: means within 5 standard errors of the closed form, sd within 5 %."""
    batch = simulated(60, 3)
    mean, cov, _ = closed_form(batch)
    draws = fit(regression(3), batch, inference=SVI(draws=4000), starts=1).draws["weights"]
    assert draws.shape == (4000, 3)
    assert draws.dtype == torch.float32
    sd = cov.diagonal().sqrt()
    assert float(((draws.mean(0) - mean) / sd).abs().max()) < 0.05 + 5 / 4000**0.5
    assert float((draws.std(0) / sd - 1).abs().max()) < 0.1


class Hierarchy:
    """The exact posterior of a normal regression whose weights' scale is HalfNormal(1): a mixture over a grid of scales."""

    def __init__(self, batch: Batch) -> None:
        x, y = batch["x"].double().numpy(), batch["y"].double().numpy()
        grid = np.linspace(-5, 2, 701)
        logs, means, variances = [], [], []
        lengths, directions = np.linalg.eigh(x @ x.T)
        along = (directions.T @ y) ** 2
        for log_scale in grid:
            s = math.exp(log_scale)
            precision = x.T @ x / 0.49 + np.eye(x.shape[1]) / s**2
            cov = np.linalg.inv(precision)
            mean = cov @ x.T @ y / 0.49
            means.append(mean)
            variances.append(cov.diagonal())
            spread = 0.49 + s**2 * lengths  # of y, along the eigenvectors of x xᵀ
            logs.append(-0.5 * (np.log(2 * np.pi * spread) + along / spread).sum() + st.halfnorm.logpdf(s) + log_scale)
        p = np.exp(np.array(logs) - max(logs))
        p /= p.sum()
        self.mean = p @ np.array(means)
        self.sd = np.sqrt(p @ (np.array(variances) + np.array(means) ** 2) - self.mean**2)
        self.log_scale = float(p @ grid)
        self.log_scale_sd = float(np.sqrt(p @ (grid - self.log_scale) ** 2))


@pytest.mark.parametrize(
    ("n", "name"),
    [
        *((25, name) for name in NORMALS),
        (150, "auto-normal"),
        *(pytest.param(150, name, marks=pytest.mark.long) for name in ("low-rank", "full-rank")),
    ],
)
def test_a_hierarchical_posterior_is_close_to_quadrature(
    name: str, n: int, regression: Make, simulated: Rows, simulations: Callable[[int, int], int]
) -> None:
    """15 weights and their scale: .1 sd and 10 % of every mean and width.

    With 25 rows the weights are nearly as wide as their prior and breathe with its scale; a map that is linear in all
    of them gets the scale three times too narrow.
    """
    simulations(1, int(n == 25 or name == "auto-normal"))
    batch = simulated(n, 15, scale=0.4, seed=2)
    exact = Hierarchy(batch)
    fitted = fit(regression(15, prior=Normal(0.0, HalfNormal(1.0))), batch, guide=name, inference=SVI(draws=4000), starts=1)
    assert isinstance(fitted.guide.coordinates, ScaleConditional)
    weights, log_scale = fitted.draws["weights"].numpy(), fitted.draws["weights_scale"].log().numpy()
    assert np.abs((weights.mean(0) - exact.mean) / exact.sd).max() < 0.1
    assert np.abs(weights.std(0) / exact.sd - 1).max() < 0.1
    assert abs(log_scale.mean() - exact.log_scale) / exact.log_scale_sd < 0.1
    assert abs(log_scale.std() / exact.log_scale_sd - 1) < 0.1


def test_sparse_weights_are_recovered_better_by_the_horseshoe(regression: Make, simulated: Rows) -> None:
    """4 weights of 40 are not zero, 120 rows: less error than with a normal prior of learned scale (11 of 11 seeds)."""
    from probrm.priors import Horseshoe

    truth = torch.zeros(40)
    truth[[3, 11, 20, 37]] = torch.tensor([2.0, -1.5, 1.0, -2.5])
    batch = simulated(120, 40, weights=truth, seed=1)
    errors = {}
    for prior in (Horseshoe(0.1), Normal(0.0, HalfNormal(1.0))):
        fitted: Fitted = fit(regression(40, prior=prior), batch, inference=SVI(max_steps=300), starts=1)
        assert all(torch.isfinite(value).all() for value in fitted.draws.values())
        errors[type(prior).__name__] = float((fitted.draws["weights"].mean(0) - truth).norm())
    assert errors["Horseshoe"] < 0.8 * errors["Normal"]
