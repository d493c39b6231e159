"""The evidence along the base rate, and the ridge, against brute-force quadrature over the two latents that are left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.guides import Layout
from probrm.inference import newton_laplace
from probrm.inference.laplace.profile import Profile, profile, ridge
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.base_rate import Level, LevelRange
from probrm_models.implicit.identifiability.base_rate_profile import _ends, level_coordinates, prior_of
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import MultiActionModel

CONFIG = {"priors": {"weights": {"dist": "Normal", "scale": 1.5}, "intercept": {"dist": "Normal", "scale": 1.5}}}
POINTS = 57


@dataclass(frozen=True)
class Case:
    model: ImplicitModel
    batch: Batch
    layout: Layout
    along: Profile


def simulate(n: int, labels: int, generator: torch.Generator) -> Batch:
    """One column of embedding, no covariates, no users."""
    x = torch.randn(n, 1, generator=generator)
    good = (torch.rand(n, generator=generator) < torch.sigmoid(0.4 + 1.5 * x[:, 0])).float()
    action = good * (torch.rand(n, generator=generator) < 0.5)
    label = torch.full((n,), math.nan)
    label[:labels] = good[:labels]
    nothing = torch.zeros(n, 0)
    columns = {"embedding": x, "reward_covariates": nothing, "propensity_covariates": nothing, "user": torch.zeros(n).long()}
    return Batch({**columns, "action": action, "label": label, "weight": torch.ones(n)}, n)


def build(n: int, labels: int, reference: bool, seed: int) -> Case:
    batch = simulate(n, labels, torch.Generator().manual_seed(seed))
    model = ImplicitModel(LogShape(1), ImplicitConfig.from_dict(CONFIG), batch.slice(0, 50) if reference else None)
    layout = Layout.of(model, batch)
    mode = newton_laplace(model, batch, layout).coordinates.loc
    return Case(model, batch, layout, profile(model, batch, layout, "base_rate", mode, low=-6.0, high=6.0, drop=6.0))


@pytest.fixture(params=[(400, 60, True), (400, 60, False), (900, 0, True)], ids=["labels", "one reference row", "no labels"])
def case(request: pytest.FixtureRequest, seed_shift: int) -> Case:
    return build(*request.param, seed=seed_shift)


def log_joint(case: Case, rate: Tensor, weight: Tensor, intercept: Tensor) -> Tensor:
    """``log p(data, w, b | π)``, written anew: γ's mean over the reference rows is π by bisection. Arguments and result ``(g,)``."""
    x, action, label = (case.batch[name].double() for name in ("embedding", "action", "label"))
    x = x[:, 0]
    slope = weight[:, None] * case.model.reference_embedding[:, 0].double()
    low, high = torch.full_like(weight, -40.0), torch.full_like(weight, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = torch.sigmoid(middle[:, None] + slope).mean(1) > rate
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    reward = ((low + high) / 2)[:, None] + weight[:, None] * x
    good, active = torch.sigmoid(reward), torch.sigmoid(intercept)[:, None]
    acted = torch.where(label == 1, active, good * active).clamp_max(1 - 1e-15).expand_as(reward)
    density = torch.where(action == 1, acted.log(), torch.log1p(-acted))
    density = torch.where(label == 0, F.logsigmoid(-reward), density + torch.where(label == 1, F.logsigmoid(reward), 0.0))
    prior = -0.5 * (weight / 1.5) ** 2 - 0.5 * (intercept / 1.5) ** 2 - 2 * math.log(1.5 * math.sqrt(2 * math.pi))
    return density.sum(1) + prior


def quadrature(case: Case, knot: int) -> float:
    """``log p(data | π)`` at a knot: a grid of ±7 Laplace deviations about the knot's mode."""
    at = torch.sigmoid(case.along.knots[knot])
    centre = case.along.path[knot]
    places = {site.name: site.flat.start for site in case.layout.sites}
    axes, steps = [], []
    for name in ("reward_weights", "propensity_intercept"):
        middle = float(centre[places[name]])
        reach = 7 * deviation(case, knot, name)
        axes.append(torch.linspace(middle - reach, middle + reach, POINTS, dtype=torch.float64))
        steps.append(2 * reach / (POINTS - 1))
    grid = torch.cartesian_prod(*axes)
    parts = [log_joint(case, at, part[:, 0], part[:, 1]) for part in grid.split(2000)]
    return float(torch.logsumexp(torch.cat(parts), 0)) + math.log(steps[0] * steps[1])


def deviation(case: Case, knot: int, name: str) -> float:
    """Of one latent given the base rate, by finite differences of the joint density with the other one held."""
    at = torch.sigmoid(case.along.knots[knot])
    places = {site.name: site.flat.start for site in case.layout.sites}
    w, b = (float(case.along.path[knot, places[n]]) for n in ("reward_weights", "propensity_intercept"))
    h = 1e-3
    matrix = torch.zeros(2, 2).double()
    for i, (dw, db) in enumerate(((h, 0.0), (0.0, h))):
        for j, (ew, eb) in enumerate(((h, 0.0), (0.0, h))):
            corners = torch.tensor([[w + s * dw + t * ew, b + s * db + t * eb] for s in (1, -1) for t in (1, -1)]).double()
            f = log_joint(case, at, corners[:, 0], corners[:, 1])
            matrix[i, j] = -(f[0] - f[1] - f[2] + f[3]) / (4 * h * h)
    covariance = torch.linalg.inv(matrix)
    i = ("reward_weights", "propensity_intercept").index(name)
    return float(covariance[i, i].clamp_min(1e-4).sqrt())


def test_the_density_written_anew_is_the_models(case: Case) -> None:
    """Before anything is integrated."""
    values = {"base_rate": torch.tensor(0.37).double(), "reward_weights": torch.tensor([1.2]).double()}
    values["propensity_intercept"] = torch.tensor(-0.4).double()
    form = case.model.linear_form(case.batch.to(dtype=torch.float64))
    assert form is not None
    model = float(form.density(form.predictors(values)).sum())
    prior = -0.5 * (1.2 / 1.5) ** 2 - 0.5 * (0.4 / 1.5) ** 2 - 2 * math.log(1.5 * math.sqrt(2 * math.pi))
    mine = float(log_joint(case, values["base_rate"], torch.tensor([1.2]).double(), torch.tensor([-0.4]).double()))
    assert mine - prior == pytest.approx(model, abs=1e-6)


def test_the_evidence_is_quadratures(case: Case) -> None:
    """Laplace's own error is .01 nats with labels, .07 without where a propensity is near 1; the evidence spans 6 and more."""
    knots = range(0, len(case.along.knots), max(1, len(case.along.knots) // 5))
    found = torch.tensor([float(case.along.evidence[k]) for k in knots])
    exact = torch.tensor([quadrature(case, k) for k in knots])
    assert float(found.max() - found.min()) > 2
    error = (found + math.log(2 * math.pi)) - exact
    labelled = bool((~case.batch["label"].isnan()).any())
    assert float(error.abs().max()) < (0.02 if labelled else 0.15), error


def test_the_path_is_the_conditional_mode(case: Case) -> None:
    """No step away from it raises the density."""
    places = {site.name: site.flat.start for site in case.layout.sites}
    for knot in range(0, len(case.along.knots), 3):
        at = torch.sigmoid(case.along.knots[knot])
        w, b = (float(case.along.path[knot, places[n]]) for n in ("reward_weights", "propensity_intercept"))
        around = torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]]).double() * 0.05
        density = log_joint(case, at, w + around[:, 0], b + around[:, 1])
        assert int(density.argmax()) == 0


def test_the_ridge_is_centred_on_the_path_and_as_wide_as_asked(case: Case) -> None:
    place = next(site.flat.start for site in case.layout.sites if site.name == "base_rate")
    mean, sd = float(case.along.knots[len(case.along.knots) // 2]), 0.4
    found = ridge(case.model, case.batch, case.layout, "base_rate", case.along, mean, sd)
    draws = found(torch.randn(4000, case.layout.size).double())
    assert float(draws[:, place].mean()) == pytest.approx(mean, abs=5 * sd / math.sqrt(4000))
    assert float(draws[:, place].std()) == pytest.approx(sd, rel=0.1)
    rest = torch.arange(case.layout.size) != place
    middle = case.along.path[len(case.along.knots) // 2]
    assert torch.allclose(found.loc[rest], middle[rest], atol=1e-2)


@pytest.mark.parametrize(("n", "labels"), [(400, 60), (12_000, 400)], ids=["wide", "narrow"])
def test_the_levels_moments_are_those_of_a_fine_profile(n: int, labels: int, seed_shift: int) -> None:
    """However narrow the evidence is: a spline through knots half a logit apart moves the mean by a fifth of a deviation here."""
    case = build(n, labels, True, seed=seed_shift)
    mode = newton_laplace(case.model, case.batch, case.layout).coordinates.loc
    mean, sd = level_coordinates(case.model, case.batch, case.layout, mode, flatten=False).found.moments()
    reach: dict[str, Any] = {"low": mean - 8 * sd, "high": mean + 8 * sd, "drop": 100.0, "step": sd / 4}
    fine = profile(case.model, case.batch, case.layout, "base_rate", mode, **reach)
    exact = Level.of(prior_of(case.model), fine, fine, None).moments()
    assert (mean - exact[0]) / exact[1] == pytest.approx(0, abs=0.08)
    assert sd / exact[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("several", [True, False])
def test_a_graded_action_is_no_bound_of_the_base_rate(several: bool, seed_shift: int) -> None:
    """Half of all rows are above a rating's median, whatever the share of good answers; of one binary action the same half is a bound."""
    case = build(400, 0, False, seed_shift)
    shape = LogShape(1, actions=(ActionSpec("rating", "ordinal", levels=("1", "2")),)) if several else LogShape(1)
    acted = Batch({**case.batch.columns, "action": (torch.arange(400) % 2).float()}, 400)
    model = (MultiActionModel if several else ImplicitModel)(shape, ImplicitConfig.from_dict(CONFIG))
    low, _ = _ends(model, acted, LevelRange(0.6, 0.9))
    assert (low < -1) == several


def test_quadrature_notices_a_wrong_prior() -> None:
    """Control: with the weights' prior a third as wide the evidence is another."""
    case = build(400, 60, True, 0)
    narrow = ImplicitModel(
        LogShape(1),
        ImplicitConfig.from_dict({"priors": {**CONFIG["priors"], "weights": {"dist": "Normal", "scale": 0.5}}}),
        case.batch.slice(0, 50),
    )
    mode = newton_laplace(narrow, case.batch, case.layout).coordinates.loc
    other = profile(narrow, case.batch, case.layout, "base_rate", mode, low=-6.0, high=6.0, drop=6.0)
    wrong = Case(narrow, case.batch, case.layout, other)
    knot = len(other.knots) // 2
    assert abs(float(other.evidence[knot]) + math.log(2 * math.pi) - quadrature(wrong, knot)) > 0.5
