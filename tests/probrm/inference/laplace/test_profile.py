"""The evidence along one latent, on a model in which all of it is linear algebra."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout
from probrm.inference import newton_laplace
from probrm.inference.laplace.profile import Conditioned, Profile, profile, ridge
from probrm.model import RewardModel, Values
from probrm.priors import HalfNormal, Normal

NOISE, USERS, ROWS = 0.8, 3, 30
PRIORS = {"level": (0.4, 1.5), "slopes": (0.0, 1.0), "effects": (0.0, 0.7)}
pytestmark = pytest.mark.usefixtures("double")


class Toy(RewardModel):
    """``y ~ N(x·slopes + c·log level + effect_u, .8²)``; the level is log-normal, so that it is constrained and Gaussian at once.

    It stands between the users' block and the slopes, so that leaving it out moves what stands behind it.
    """

    kind = "toy"

    def __init__(self, users: bool = True) -> None:
        super().__init__()
        self.users = users

    def forward(self, batch: Batch) -> None:
        values = {"level": pyro.sample("level", dist.LogNormal(*PRIORS["level"]))}
        values["slopes"] = pyro.sample("slopes", dist.Normal(torch.zeros(2), PRIORS["slopes"][1]).to_event(1))
        if self.users:
            values["effects"] = pyro.sample("effects", dist.Normal(torch.zeros(USERS), PRIORS["effects"][1]).to_event(1))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            pyro.sample("y", dist.Normal(self.reward(values, batch), NOISE), obs=batch["y"])

    def reward(self, values: Values, batch: Batch) -> Tensor:
        mean = values["slopes"] @ batch["x"].T + values["level"].log().unsqueeze(-1) * batch["c"]
        return mean + values["effects"].index_select(-1, batch["user"]) if self.users else mean

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return dist.Normal(self.reward(values, batch), NOISE).log_prob(batch["y"])

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {}

    def coords(self) -> dict[str, list[str]]:
        return {}

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Toy:
        return cls()

    @property
    def exchangeable(self) -> str | None:
        return "effects" if self.users else None


class Case:
    """A toy, its rows, and its Gaussian joint posterior by linear algebra."""

    def __init__(self, users: bool) -> None:
        self.model = Toy(users)
        x, c = torch.randn(ROWS, 2), torch.rand(ROWS)
        user = torch.arange(ROWS) % USERS
        y = x @ torch.tensor([1.0, -0.5]) + 0.5 * c + NOISE * torch.randn(ROWS)
        self.batch = Batch({"x": x, "c": c, "user": user, "y": y}, ROWS)
        self.layout = Layout.of(self.model, self.batch)
        columns = {"level": c[:, None], "slopes": x, "effects": torch.eye(USERS)[user]}
        names = [site.name for site in self.layout.sites]
        self.design = torch.cat([columns[name] for name in names], 1)
        self.index = next(site.flat.start for site in self.layout.sites if site.name == "level")
        sizes = [site.flat.stop - site.flat.start for site in self.layout.sites]
        means, sds = ([PRIORS[n][i] for n, k in zip(names, sizes, strict=True) for _ in range(k)] for i in (0, 1))
        self.prior_mean, self.prior_sd = torch.tensor(means), torch.tensor(sds)
        precision = self.design.T @ self.design / NOISE**2 + torch.diag(self.prior_sd**-2)
        self.covariance = torch.linalg.inv(precision)
        self.mean = self.covariance @ (self.design.T @ y / NOISE**2 + self.prior_mean / self.prior_sd**2)
        self.rest = torch.arange(len(self.mean)) != self.index

    def evidence(self, level: float) -> float:
        """``log p(y | log level)``: the other latents integrated out."""
        others, sd = self.design[:, self.rest], self.prior_sd[self.rest]
        spread = NOISE**2 * torch.eye(ROWS) + others * sd**2 @ others.T
        residual = self.batch["y"] - level * self.batch["c"]
        quadratic = residual @ torch.linalg.solve(spread, residual)
        return float(-0.5 * (quadratic + torch.linalg.slogdet(spread)[1] + ROWS * math.log(2 * math.pi)))

    def modes(self, level: float) -> Tensor:
        """Mean of the others given the level."""
        slope = self.covariance[self.rest, self.index] / self.covariance[self.index, self.index]
        return self.mean[self.rest] + slope * (level - float(self.mean[self.index]))

    def profile(self, **settings: Any) -> Profile:
        wide: dict[str, Any] = {"low": -30.0, "high": 30.0, "drop": 4.0}
        return profile(self.model, self.batch, self.layout, "level", self.mean, **wide | settings)


@pytest.fixture(params=[True, False], ids=["users", "no users"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture
def plain() -> Case:
    return Case(False)


def test_the_closed_form_is_that_of_the_model(case: Case) -> None:
    found = newton_laplace(case.model, case.batch, case.layout).coordinates
    z = found.loc.clone()
    assert torch.allclose(z, case.mean, atol=1e-6)
    assert torch.allclose(torch.diag(case.covariance)[case.index], found.variance()[case.index], atol=1e-8)  # type: ignore[union-attr]


def test_other_rows_are_profiled_at_the_same_values(case: Case) -> None:
    """Less of the data, from the modes and with the curvature of all of it."""
    fewer = Batch(case.batch.slice(0, 20).columns, 20)
    along = case.profile(other=fewer)
    assert along.other is not None
    assert torch.equal(along.knots, along.other.knots)
    assert not torch.allclose(along.evidence, along.other.evidence, atol=0.1)
    for value, evidence, place in zip(along.knots, along.other.evidence, along.other.path, strict=True):
        alone = profile(case.model, fewer, case.layout, "level", place, low=float(value), high=float(value) + 1.0)
        assert float(alone.evidence[0]) == pytest.approx(float(evidence), abs=1e-3)
        assert torch.allclose(alone.path[0], place, atol=1e-2)
    assert torch.equal(case.profile().evidence, along.evidence)  # it changes nothing


def test_evidence_and_path_are_the_closed_forms(case: Case) -> None:
    """Laplace's approximation is exact here; the factor (2π)^{G/2} of its G other latents is left out."""
    along = case.profile()
    assert along.index == case.index
    assert len(along.knots) >= 5
    assert bool((along.knots.diff() > 0).all())
    exact = torch.tensor([case.evidence(float(k)) for k in along.knots])
    left_out = (len(case.mean) - 1) / 2 * math.log(2 * math.pi)
    assert torch.allclose(along.evidence + left_out, exact, atol=1e-6)
    for knot, place in zip(along.knots, along.path, strict=True):
        assert float(place[case.index]) == float(knot)
        assert torch.allclose(place[case.rest], case.modes(float(knot)), atol=1e-6)


def test_the_prior_of_the_latent_is_left_out(plain: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plain.profile()
    monkeypatch.setitem(PRIORS, "level", (3.0, 0.2))
    after = plain.profile()
    assert torch.allclose(before.knots, after.knots)
    assert torch.allclose(before.evidence, after.evidence, atol=1e-6)


def test_a_ridge_along_it_has_the_exact_joint_posterior(case: Case) -> None:
    along = case.profile()
    mean, sd = float(case.mean[case.index]), float(case.covariance[case.index, case.index].sqrt())
    found = ridge(case.model, case.batch, case.layout, "level", along, mean, sd)
    assert torch.allclose(found.loc, case.mean, atol=1e-6)
    matrix = (found(torch.eye(len(case.mean))) - found.loc).T  # the path is a line here: an affine map
    assert torch.allclose(matrix @ matrix.T, case.covariance, atol=1e-6)
    z = case.mean + torch.randn(len(case.mean))
    assert float(found.log_det(z)) == pytest.approx(float(torch.linalg.slogdet(case.covariance)[1]) / 2, abs=1e-6)


def test_a_ridge_about_another_mean_has_the_conditional_there(plain: Case) -> None:
    """Mean and deviation are the caller's, the others are Gaussian given the latent."""
    found = ridge(plain.model, plain.batch, plain.layout, "level", plain.profile(), 1.2, 0.01)
    assert float(found.loc[plain.index]) == pytest.approx(1.2)
    assert torch.allclose(found.loc[plain.rest], plain.modes(1.2), atol=1e-6)
    matrix = (found(torch.eye(len(plain.mean))) - found.loc).T
    given = torch.linalg.inv(torch.linalg.inv(plain.covariance)[plain.rest][:, plain.rest])
    slope = plain.covariance[plain.rest, plain.index] / plain.covariance[plain.index, plain.index]
    expected = given + 0.01**2 * slope[:, None] * slope
    assert torch.allclose((matrix @ matrix.T)[plain.rest][:, plain.rest], expected, atol=1e-6)


@pytest.mark.parametrize("drop", [1.0, 4.0, 12.0])
def test_the_walk_ends_when_the_evidence_has_fallen(plain: Case, drop: float) -> None:
    """One knot at either side lies below the top by more than ``drop``, and none further."""
    along = plain.profile(drop=drop)
    below = float(along.evidence.max()) - along.evidence
    assert bool((below[[0, -1]] > drop).all())
    assert bool((below[1:-1] <= drop).all())


def test_the_walk_ends_at_the_ends(plain: Case) -> None:
    centre = float(plain.mean[plain.index])
    along = plain.profile(low=centre - 0.7, high=centre + 0.2, drop=100.0)
    assert float(along.knots[0]) == pytest.approx(centre - 0.7)
    assert float(along.knots[-1]) == pytest.approx(centre + 0.2)
    assert bool((along.knots == centre).any())


def test_steps_begin_with_the_given_one_and_grow_by_half(plain: Case) -> None:
    up = plain.profile(step=0.1)
    steps = up.knots[up.knots >= plain.mean[plain.index]].diff()
    assert float(steps[0]) == pytest.approx(0.1)
    assert torch.allclose(steps[1:] / steps[:-1], torch.full((len(steps) - 1,), 1.5))


def test_a_flat_range_keeps_it_walking(plain: Case) -> None:
    """Within the range no fall ends the walk; beyond, the reference is the evidence at the last knot inside."""
    centre = float(plain.mean[plain.index])
    short = plain.profile(drop=1.0)
    flat = (centre - 6.0, centre + 9.0)
    assert float(short.knots[-1]) < flat[1]
    assert float(short.knots[0]) > flat[0]
    along = plain.profile(drop=1.0, flat=flat)
    for sign, edge in ((1, flat[1]), (-1, flat[0])):
        outside = along.knots[(along.knots - edge) * sign > 0]
        assert len(outside) == 1  # far out one step falls by more than a nat
    assert len(along.knots) > len(short.knots)


def test_a_range_without_the_mode_is_flat_up_to_the_mode(plain: Case) -> None:
    """A range on one side alone: the other side falls from the mode."""
    centre = float(plain.mean[plain.index])
    along = plain.profile(drop=1.0, flat=(centre + 1.0, centre + 5.0))
    assert float(along.knots[-1]) > centre + 5.0
    fallen = float(along.evidence.max()) - along.evidence[along.knots < centre]
    assert float(fallen[0]) > 1.0
    assert bool((fallen[1:] <= 1.0).all())


def test_a_walk_that_cannot_start_is_told(plain: Case) -> None:
    centre = float(plain.mean[plain.index])
    with pytest.raises(TrainingError, match="profile over level found no mode but the first"):
        plain.profile(low=centre, high=centre)


def test_given_is_the_model_with_a_site_held(case: Case) -> None:
    level = torch.tensor(0.9).exp()
    given = Conditioned(case.model, {"level": level})
    layout = Layout.of(given, case.batch)
    assert [s.name for s in layout.sites] == [s.name for s in case.layout.sites if s.name != "level"]
    assert layout.exchangeable == case.layout.exchangeable
    values = layout.constrain(torch.randn(layout.size))
    assert torch.equal(given.reward(values, case.batch), case.model.reward(values | {"level": level}, case.batch))
    assert torch.equal(given.log_likelihood(values, case.batch), case.model.log_likelihood(values | {"level": level}, case.batch))


def test_a_given_scale_is_held_whatever_a_model_asks_for(regression: Callable[..., RewardModel], simulated: Callable[..., Batch]) -> None:
    """Sites of priors' scales, too, can be given; the mark of the others stays."""
    batch, model = simulated(40, 3), regression(3, prior=Normal(0.0, HalfNormal(1.0)))
    layout = Layout.of(Conditioned(model, {"weights_scale": torch.tensor(0.5)}), batch)
    assert [s.name for s in layout.sites] == ["weights"]
    found = newton_laplace(Conditioned(model, {"weights_scale": torch.tensor(0.5)}), batch, layout).coordinates.loc
    exact = newton_laplace(regression(3, prior=Normal(0.0, 0.5)), batch, layout).coordinates.loc
    assert torch.allclose(found, exact, atol=1e-6)
