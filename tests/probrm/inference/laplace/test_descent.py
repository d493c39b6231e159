"""Newton's steps with a curvature that is used again, from some of the rows, in single precision: the mode stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout, ScaleAdaptive
from probrm.inference import LaplaceStart, Potential, newton_laplace
from probrm.inference.laplace.descent import Descent
from probrm.linear import LinearForm
from probrm.priors import HalfNormal, Horseshoe, Normal
from tests.probrm.conftest import Regression, TwoRates

Rows = Callable[..., Batch]


class Linear(Regression):
    """The logistic regression with its predictor written down."""

    def linear_form(self, batch: Batch) -> LinearForm:
        def density(eta: Tensor) -> Tensor:
            return dist.Bernoulli(logits=eta[0], validate_args=False).log_prob(batch["y"]) * batch.scale

        return LinearForm([batch["x"]], lambda values: [values["weights"]], density)


class Walk(Regression):
    """A prior under which neighbouring weights are alike: they are not independent."""

    def forward(self, batch: Batch) -> None:
        size = self.size
        precision = 3 * torch.eye(size) - torch.diag(torch.ones(size - 1), 1) - torch.diag(torch.ones(size - 1), -1)
        weights = pyro.sample("weights", dist.MultivariateNormal(torch.zeros(size), precision_matrix=precision))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            pyro.sample("y", self._given(self.reward({"weights": weights}, batch)), obs=batch["y"])


@pytest.fixture
def rows(simulated: Rows) -> Batch:
    return simulated(600, 8, "logistic", scale=1.5)


def start(model: Any, batch: Batch, **settings: Any) -> LaplaceStart:
    return newton_laplace(model, batch, Layout.of(model, batch), **settings)


def covariance(found: LaplaceStart) -> Tensor:
    coordinates: Any = found.coordinates
    linear = coordinates.whitening if isinstance(coordinates, ScaleAdaptive) else coordinates
    matrix = (linear(torch.eye(len(linear.loc)).double()) - linear.loc).T
    return matrix @ matrix.T


def sketched(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in ("newton", "descent"):
        monkeypatch.setattr(f"probrm.inference.laplace.{module}.SKETCH", count)
    monkeypatch.setattr("probrm.linear._WIDE", 1)


@pytest.mark.parametrize("prior", [Normal(0.0, 1.0), Normal(0.0, HalfNormal(2.0))], ids=["fixed scale", "learned scale"])
def test_a_sketched_curvature_leads_to_the_mode_of_all_rows(prior: Any, rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way 150 of 600 rows stand for the curvature; mode and curvature at the end are those of all.

    The scale is settled to within a fifth of its own deviation, by whichever curvature.
    """
    model = Linear(8, "logistic", prior)
    hyper = Layout.of(model, rows).hyper()
    exact = start(model, rows, max_rounds=50)
    sketched(monkeypatch, 150)
    found = start(model, rows, max_rounds=50)
    sd = covariance(exact).diagonal().sqrt()
    moved = (found.coordinates.loc - exact.coordinates.loc).abs() / sd
    assert float(moved[~hyper].max()) < (0.02 if hyper.any() else 1e-4)
    assert (covariance(found).diagonal().sqrt() / sd)[~hyper].numpy() == pytest.approx(1.0, abs=0.02 if hyper.any() else 1e-4)
    rough = start(model, rows, sketch=True, max_rounds=50)
    assert float(((rough.coordinates.loc - exact.coordinates.loc).abs() / sd)[~hyper].max()) < 0.03
    assert (covariance(rough).diagonal().sqrt() / sd)[~hyper].numpy() != pytest.approx(1.0, abs=0.03)


def test_single_precision_finds_the_same_mode(rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Linear(8, "logistic")
    exact = start(model, rows)
    monkeypatch.setattr("probrm.inference.laplace.potential._MANY", 0)
    found = start(model, rows)
    sd = covariance(exact).diagonal().sqrt()
    assert float(((found.coordinates.loc - exact.coordinates.loc) / sd).abs().max()) < 0.01
    assert (covariance(found).diagonal().sqrt() / sd).numpy() == pytest.approx(1.0, abs=1e-3)
    assert not torch.equal(found.coordinates.loc, exact.coordinates.loc)


@pytest.mark.parametrize("prior", [Normal(0.0, 1.0), Normal(0.0, HalfNormal(2.0))], ids=["fixed scale", "learned scale"])
def test_the_way_may_begin_at_the_mode_of_few_rows(prior: Any, rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Linear(8, "logistic", prior)
    exact = start(model, rows, max_rounds=50)
    monkeypatch.setattr("probrm.inference.laplace.newton._FEW", 100)
    found = start(model, rows, max_rounds=50)
    sd = covariance(exact).diagonal().sqrt()
    hyper = Layout.of(model, rows).hyper()
    assert float(((found.coordinates.loc - exact.coordinates.loc).abs() / sd)[~hyper].max()) < (0.02 if hyper.any() else 1e-4)
    assert not torch.equal(found.coordinates.loc, exact.coordinates.loc)  # another way


def test_a_curvature_serves_several_steps(rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer curvatures than steps, and the same mode as with a new one at every step."""
    model = Linear(8, "logistic")
    potential = Potential(model, Layout.of(model, rows), rows.to(dtype=torch.float64))
    modes, counts = [], []
    for again in (0.3, 0.0):
        monkeypatch.setattr("probrm.inference.laplace.descent._AGAIN", again)
        descent, calls = Descent(potential, torch.full((8,), 0.2).double(), torch.zeros(8, dtype=torch.bool)), []
        bend = descent.bend
        monkeypatch.setattr(descent, "bend", lambda *args, calls=calls, bend=bend: (calls.append(1), bend(*args))[1])
        descent.down(1e-12)
        modes.append(descent.z)
        counts.append(len(calls))
    assert counts[0] < counts[1]
    assert torch.allclose(*modes, atol=1e-6)


@pytest.mark.parametrize("make", [lambda: Linear(8, "logistic", Normal(0.0, HalfNormal(1.0))), lambda: Linear(8, "logistic", Horseshoe(0.1)),
                                  lambda: TwoRates(5), lambda: Walk(8, "logistic")], ids=["scale", "horseshoe", "users", "correlated"])  # fmt: skip
def test_the_priors_curvature_is_that_from_backward_passes(make: Callable[[], Any], rows: Batch, rates_batch: Batch) -> None:
    """From a few products where weights are independent given their scales; a prior that is not so is noticed."""
    model = make()
    batch = rates_batch if isinstance(model, TwoRates) else rows
    potential = Potential(model, Layout.of(model, batch), batch.to(dtype=torch.float64))
    z = 0.5 * torch.randn(potential.layout.size).double()
    for found, expected in zip(potential.prior_curvature(z), potential._arrow(z, rows=False), strict=True):
        assert found.shape == expected.shape
        assert torch.allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("scale_by", [0.3, -0.4])
def test_moved_scales_move_the_curvature_of_the_prior_with_them(scale_by: float, rows: Batch) -> None:
    model = Linear(8, "logistic", Normal(0.0, HalfNormal(2.0)))
    layout = Layout.of(model, rows)
    potential = Potential(model, layout, rows.to(dtype=torch.float64))
    descent = Descent(potential, torch.zeros(layout.size).double(), layout.hyper())
    descent.bend(None)
    descent.rescale(torch.tensor([scale_by]).double())
    assert float(descent.z[layout.hyper()]) == pytest.approx(scale_by)
    for found, expected in zip(descent.curvature, potential.curvature(descent.z), strict=True):  # the likelihood's part has not moved
        assert torch.allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("prior", [Normal(0.0, 1.0), Normal(0.0, HalfNormal(2.0))], ids=["fixed scale", "learned scale"])
def test_a_way_may_begin_with_a_neighbours_curvature(prior: Any, rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The likelihood's curvature at another data set's mode saves one of this one's, and leads to the same end; so does one three times
    too large, which costs steps."""
    model = Linear(8, "logistic", prior)
    layout = Layout.of(model, rows)
    half = start(model, Batch(rows.slice(0, 300).columns, 600), max_rounds=50)
    assert half.rows is not None
    exact = start(model, rows, at=half.coordinates.loc, max_rounds=50)
    calls: list[int] = []
    bend = Descent.bend
    monkeypatch.setattr(Descent, "bend", lambda self, *args: (calls.append(1), bend(self, *args))[1])
    start(model, rows, at=half.coordinates.loc, max_rounds=50)
    before = len(calls)
    found = start(model, rows, at=half.coordinates.loc, rows=half.rows, max_rounds=50)
    assert len(calls) - before < before
    tripled = 3 * half.rows[0], 3 * half.rows[1], 3 * half.rows[2]
    for other in (found, start(model, rows, at=half.coordinates.loc, rows=tripled, max_rounds=50)):
        sd = covariance(exact).diagonal().sqrt()
        moved = (other.coordinates.loc - exact.coordinates.loc).abs() / sd
        assert float(moved[~layout.hyper()].max()) < (0.02 if layout.hyper().any() else 1e-4)
        assert (covariance(other).diagonal().sqrt() / sd)[~layout.hyper()].numpy() == pytest.approx(1.0, abs=0.02)


def test_the_curvature_handed_on_is_that_of_the_rows_alone(rows: Batch) -> None:
    model = Linear(8, "logistic")
    found = start(model, rows)
    assert found.rows is not None
    p = torch.sigmoid(rows["x"].double() @ found.coordinates.loc)
    by_hand = (rows["x"].double() * (p * (1 - p))[:, None]).T @ rows["x"].double()
    assert torch.allclose(found.rows[2], by_hand, atol=1e-6)


def test_a_curvature_that_is_not_a_number_ends_the_search(simulated: Rows) -> None:
    """``|w|^1.5`` has a slope of 0 at 0 and no curvature there: damping by a multiple of nan would go on for ever."""

    class Cusp(Regression):
        def forward(self, batch: Batch) -> None:
            weights = self.prior.sample("weights", (self.size,))
            with pyro.plate("rows", len(batch), dim=-1):
                pyro.factor("y", -weights.abs().pow(1.5).sum().expand(len(batch)))

    with pytest.raises(TrainingError, match="no finite curvature"):
        newton_laplace(Cusp(2), batch := simulated(20, 2), Layout.of(Cusp(2), batch))
