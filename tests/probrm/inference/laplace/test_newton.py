"""The Newton–Laplace start against posteriors that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.optimize import minimize
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout, ScaleAdaptive, Whitening
from probrm.inference import LaplaceStart, newton_laplace
from probrm.inference.laplace.descent import Descent
from probrm.inference.laplace.potential import Potential
from probrm.inference.laplace.scales import follow
from probrm.model import RewardModel
from probrm.priors import Gamma, HalfCauchy, HalfNormal, Horseshoe, LogNormal, Normal, StudentT

st = cast(Any, scipy.stats)  # its frozen distributions have no types

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]
NOISE = 0.7


def start(model: RewardModel, batch: Batch, **settings: Any) -> LaplaceStart:
    return newton_laplace(model, batch, Layout.of(model, batch), **settings)


def covariance(coordinates: Any) -> Tensor:
    whitening = coordinates.whitening if isinstance(coordinates, ScaleAdaptive) else coordinates
    m = (whitening(torch.eye(len(whitening.loc)).double()) - whitening.loc).T
    return m @ m.T


@pytest.mark.parametrize("size", [1, 4, 30])
def test_a_gaussian_posterior_is_found_exactly(size: int, regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    batch = simulated(80, size)
    found = start(regression(size), batch)
    mean, cov, _ = closed_form(batch)
    assert isinstance(found.coordinates, Whitening)
    assert torch.allclose(found.coordinates.loc, mean, atol=1e-6)
    assert torch.allclose(covariance(found.coordinates), cov, atol=1e-8)
    assert found.rounds == 0


def test_a_logistic_mode_is_scipys(regression: Make, simulated: Rows) -> None:
    batch = simulated(300, 5, "logistic", scale=1.5)
    x, y = batch["x"].double().numpy(), batch["y"].double().numpy()

    def potential(w: np.ndarray) -> float:
        return float(np.logaddexp(0, x @ w).sum() - y @ (x @ w) + w @ w / 2)

    best = minimize(potential, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    found = start(regression(5, "logistic"), batch)
    assert found.coordinates.loc.numpy() == pytest.approx(best.x, abs=1e-6)
    assert found.potential == pytest.approx(best.fun + 2.5 * math.log(2 * math.pi), abs=1e-5)


def test_starts_from_far_away_end_at_the_same_mode(regression: Make, simulated: Rows) -> None:
    """Undamped Newton diverges from there: at ±30 the logistic's curvature has all but vanished."""
    batch = simulated(300, 5, "logistic", scale=1.5)
    model = regression(5, "logistic")
    mode = start(model, batch).coordinates.loc
    for sign in (-30.0, 30.0):
        assert torch.allclose(start(model, batch, at=torch.full((5,), sign)).coordinates.loc, mode, atol=1e-5)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        assert torch.allclose(start(model, batch, spread=3.0, generator=generator).coordinates.loc, mode, atol=1e-5)


def evidence(batch: Batch, prior: Any) -> Callable[[float], float]:
    """``log p(y | s) p(s) s`` of the normal regression as a function of ``log s``: the exact density of the scale's logarithm."""
    x, y = batch["x"].double().numpy(), batch["y"].double().numpy()
    lengths, directions = np.linalg.eigh(x @ x.T)
    along = (directions.T @ y) ** 2

    def density(log_scale: float) -> float:
        s = math.exp(log_scale)
        spread = NOISE**2 + s**2 * lengths  # of y, along the eigenvectors of x xᵀ
        return float(-0.5 * (np.log(2 * np.pi * spread) + along / spread).sum() + prior.logpdf(s) + log_scale)

    return density


@pytest.mark.parametrize("weak", [False, True], ids=["informed", "weak"])
@pytest.mark.parametrize(
    ("prior", "reference"),
    [
        (HalfNormal(2.0), st.halfnorm(scale=2.0)),
        (Gamma(2.0, 2.0), st.gamma(2.0, scale=0.5)),
        (LogNormal(0.0, 1.0), st.lognorm(1.0)),
        (HalfCauchy(1.0), st.halfcauchy()),
    ],
    ids=lambda p: type(p).__name__,
)
def test_a_scale_is_at_the_mode_of_its_evidence(prior: Any, reference: Any, weak: bool, regression: Make, simulated: Rows) -> None:
    """Against the closed form on a grid: within .03 of the mode in log s, the width within 7 %: without half of the missing information it is 10 % too small.

    Weak data (30 rows for 20 weights) are where plain EM crawls and a joint mode collapses.
    """
    batch = simulated(30 if weak else 200, 20, scale=0.5, seed=4)
    grid = np.linspace(-4, 3, 701)
    exact = evidence(batch, reference)
    density = np.array([exact(g) for g in grid])
    mode = grid[density.argmax()]
    curvature = -np.gradient(np.gradient(density, grid), grid)[density.argmax()]
    model = regression(20, prior=Normal(0.0, prior))
    layout = Layout.of(model, batch)
    found = newton_laplace(model, batch, layout, max_rounds=50)
    z = found.coordinates.loc[layout.hyper()]
    assert float(z) == pytest.approx(mode, abs=0.03)
    width = float(covariance(found.coordinates).diagonal()[layout.hyper()].sqrt())
    assert width == pytest.approx(curvature**-0.5, rel=0.07)


def test_the_weights_mode_moves_with_the_scale_as_the_map_says(regression: Make, simulated: Rows) -> None:
    """Conditional mode of the weights at a scale a little larger, by the closed form, against the map's own shift."""
    batch = simulated(40, 6, scale=0.5)
    model = regression(6, prior=Normal(0.0, HalfNormal(1.0)))
    layout = Layout.of(model, batch)
    found = newton_laplace(model, batch, layout, max_rounds=50)
    assert [site.name for site in layout.sites] == ["weights_scale", "weights"]
    cov = covariance(found.coordinates)
    slope = cov[1:, 0] / cov[0, 0]
    x, y = batch["x"].double(), batch["y"].double()

    def mode(log_scale: float) -> Tensor:
        precision = x.T @ x / NOISE**2 + torch.eye(6).double() * math.exp(-2 * log_scale)
        return torch.linalg.solve(precision, x.T @ y / NOISE**2)

    at = float(found.coordinates.loc[0])
    assert torch.allclose(slope, (mode(at + 1e-4) - mode(at - 1e-4)) / 2e-4, atol=1e-4)


def test_widths_follow_their_scale_as_the_closed_form_says(regression: Make, simulated: Rows) -> None:
    """``d log sd(w_i) / d log s`` with the other weights held fixed is ``v_i / s²`` for a normal prior."""
    batch = simulated(15, 8, scale=0.5)
    model = regression(8, prior=Normal(0.0, HalfNormal(1.0)))
    layout = Layout.of(model, batch)
    potential = Potential(model, layout, batch.to(dtype=torch.float64))
    z, variance = torch.zeros(9).double(), torch.rand(9).double() * 0.5
    z[0] = math.log(0.8)
    exponents = follow(potential, z, variance, layout.hyper())
    assert exponents.shape == (9, 1)
    assert float(exponents[0, 0]) == 0.0
    assert torch.allclose(exponents[1:, 0], (variance[1:] / 0.64).clamp(0, 1), atol=1e-5)


def test_a_hierarchical_scale_is_near_the_truth(regression: Make, simulated: Rows) -> None:
    """60 logistic weights of scale .5, 4,000 rows: the estimate within 30 % (0 of 33 seeds fail)."""
    for seed in range(3):
        batch = simulated(4000, 60, "logistic", scale=0.5, seed=seed)
        model = regression(60, "logistic", prior=Normal(0.0, HalfNormal(2.0)))
        layout = Layout.of(model, batch)
        scale = layout.constrain(newton_laplace(model, batch, layout).coordinates.loc)["weights_scale"]
        assert float(scale) == pytest.approx(0.5, rel=0.3)


def test_weights_that_are_all_zero_do_not_collapse_their_scale_into_a_singularity(regression: Make) -> None:
    batch = Batch({"x": torch.randn(100, 5), "y": 0.7 * torch.randn(100)}, 100)
    found = start(regression(5, prior=Normal(0.0, HalfNormal(1.0))), batch)
    assert torch.isfinite(found.coordinates.loc).all()
    assert torch.isfinite(covariance(found.coordinates)).all()


@pytest.mark.parametrize("prior", [Horseshoe(0.1), StudentT(3.0, 0.0, HalfNormal(1.0)), StudentT(3.0, 0.0, 0.3)], ids=repr)
def test_priors_that_are_not_log_concave_have_a_start(prior: Any, regression: Make, simulated: Rows) -> None:
    weights = torch.zeros(20)
    weights[1:4] = 2.0
    batch = simulated(300, 20, weights=weights)
    model = regression(20, prior=prior)
    layout = Layout.of(model, batch)
    found = newton_laplace(model, batch, layout)
    centre = layout.constrain(found.coordinates.loc)["weights"].float()
    assert torch.allclose(centre, weights, atol=0.25)
    assert torch.isfinite(covariance(found.coordinates)).all()


@pytest.mark.filterwarnings("ignore:Encountered NaN:UserWarning")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_log_density_that_is_not_finite_is_told_with_a_hint(value: float, regression: Make, simulated: Rows) -> None:
    batch = simulated(50, 3, "logistic")
    batch["x"][7, 1] = value
    with pytest.raises(TrainingError, match="log density of the model is nan at the start") as caught:
        start(regression(3, "logistic"), batch)
    assert "extreme covariates" in caught.value.fix
    assert "action.false_rate" in caught.value.fix


def test_a_direction_that_nothing_determines_is_told(regression: Make, simulated: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prior all but flat on a column that is all zero; soon, and not after the most steps that there may be."""
    bent, bend = [], Descent.bend
    monkeypatch.setattr(Descent, "bend", lambda self, *args: (bent.append(1), bend(self, *args))[1])
    batch = simulated(50, 3)
    batch["x"][:, 2] = 0.0
    with pytest.raises(TrainingError, match="curvature") as caught:
        start(regression(3, prior=Normal(0.0, 1e30)), batch)
    assert "tighter prior" in caught.value.fix
    assert 0 < len(bent) < 400  # 3,006 without an end
