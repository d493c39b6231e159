"""Users' effects summed out: the sum, what is drawn given it, and the coordinates that are left, each against a dense grid."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from pyro import poutine
from scipy import stats
from torch import Tensor

from probrm.coordinates.normal_score import HalfNormalScore
from probrm.coordinates.parts import recast, without_exchangeable
from probrm.data import Batch
from probrm.guides import Layout, ScaleAdaptive
from probrm.inference import SVI, Laplace, fit
from probrm.inference.integrated import Frame, frame_of
from probrm.inference.integrated.draws import given_draws
from probrm.inference.integrated.process import Integrated
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.potential import Potential
from probrm.priors import HalfNormal, Normal, StudentT
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.model import ImplicitModel

USERS, ROWS = 7, 90
GRID = torch.linspace(-20, 20, 20001, dtype=torch.float64)


def log(seed: int = 0) -> Batch:
    """The last user is never seen, the one before it never acts."""
    rng = torch.Generator().manual_seed(seed)
    user = torch.arange(ROWS) % (USERS - 1)
    action = (torch.rand(ROWS, generator=rng) < 0.35).float() * (user < USERS - 2)
    label = torch.where(torch.arange(ROWS) < 12, torch.maximum(action, (torch.rand(ROWS, generator=rng) < 0.5).float()), math.nan)
    columns = {
        "embedding": torch.randn(ROWS, 2, generator=rng),
        "reward_covariates": torch.zeros(ROWS, 0),
        "propensity_covariates": torch.randn(ROWS, 1, generator=rng),
        "user": user,
        "action": action,
        "label": label,
        "weight": 0.5 + torch.rand(ROWS, generator=rng),
    }
    return Batch(columns, ROWS)


def model(prior: Any = None) -> ImplicitModel:
    shape = LogShape(2, (), ("a",), tuple(f"u{i}" for i in range(USERS)))
    priors = ImplicitPriors() if prior is None else ImplicitPriors(user_activity=prior)
    return ImplicitModel(shape, ImplicitConfig(priors=priors))


def framed(prior: Any = None) -> tuple[ImplicitModel, Batch, Layout, Frame]:
    made, rows = model(prior), log()
    layout = Layout.of(made, rows)
    coordinates = newton_laplace(made, rows, layout).coordinates
    return made, rows, layout, frame_of(made, coordinates, layout, rows)


def volume(layout: Layout, values: dict[str, Tensor]) -> Tensor:
    """Less than the density of the values is that of the unconstrained latents: by this."""
    return -torch.stack(list(layout.log_jacobians(layout.unconstrain(values)).values())).sum()


def gains(made: ImplicitModel, rows: Batch, layout: Layout, values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """``log p(data, globals)`` with all effects at 0, and what each effect on the grid adds to it with its prior, ``(g, u)``."""
    wide = rows.to(dtype=torch.float64)
    zero = -Potential(made, layout, wide)(layout.unconstrain(values | {"user_activity": torch.zeros(USERS).double()}))
    with poutine.trace() as tracer, poutine.condition(data=values | {"user_activity": torch.zeros(USERS).double()}):  # type: ignore[call-overload]
        made.globals()
    prior: Any = tracer.trace.nodes["user_activity"]["fn"].base_dist  # type: ignore[union-attr]
    reward, propensity, nothing = (
        made.reward(values, wide),
        made.propensity(values | {"user_activity": torch.zeros(USERS).double()}, wide),
        {},
    )
    at = made.marginal_action_dist(reward, propensity + GRID[:, None], wide["label"], nothing).log_prob(wide["action"])
    before = made.marginal_action_dist(reward, propensity, wide["label"], nothing).log_prob(wide["action"])
    of_rows = (at - before) * wide["weight"]
    added = torch.zeros(len(GRID), USERS).double().index_add_(1, wide["user"], of_rows)
    return zero, added + prior.log_prob(GRID[:, None].expand(-1, USERS)) - prior.log_prob(torch.zeros(USERS).double())


@pytest.mark.parametrize("prior", [None, StudentT(4.0, 0.0, HalfNormal(1.0)), Normal(0.4, 0.8)], ids=["learned", "student", "fixed"])
@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_the_sum_over_nodes_is_the_integral(prior: Any, scale: float) -> None:
    """Ratios of densities at two values of everything, by nodes and on a dense grid of every user's effect, within .003 nats a user (.03 where it is hard)."""
    made, rows, layout, frame = framed(prior)
    assert isinstance(frame.model, Integrated)
    centre = {name: value.double() for name, value in frame.layout.constrain(frame.coordinates.loc.double()).items()}
    moved = dict(centre)
    moved["propensity_intercept"] = centre["propensity_intercept"] + 0.5
    if "user_activity_scale" in centre:
        moved["user_activity_scale"] = torch.tensor(scale).double()
    integrated = Potential(frame.model, frame.layout, rows.to(dtype=torch.float64))
    ours = [volume(frame.layout, values) - integrated(frame.layout.unconstrain(values)) for values in (centre, moved)]
    dense = []
    for values in (centre, moved):
        zero, added = gains(made, rows, layout, values)
        zero = zero + volume(layout, values | {"user_activity": torch.zeros(USERS).double()})
        # The density at 0 holds the prior's there: of each effect, it is replaced by the integral.
        dense.append(zero + (torch.logsumexp(added, 0) + math.log(GRID[1] - GRID[0])).sum())
    # Heavy tails are wider than the nodes reach; at four times the scale that they were placed at, an effect of one who never acts is, too.
    close = (0.03 if isinstance(prior, StudentT) or scale > 1 else 0.003) * USERS
    assert float(ours[0]) == pytest.approx(float(dense[0]), abs=close)
    assert float(ours[1]) == pytest.approx(float(dense[1]), abs=close)


def test_effects_are_drawn_from_their_conditional() -> None:
    """Of one that never acts, one that does and one that is not seen: Kolmogorov–Smirnov over 4,000 draws, level 1e-3 each."""
    made, rows, layout, frame = framed()
    torch.manual_seed(1)
    z = frame.coordinates.loc.float().expand(4000, -1)
    values = {name: value.double() for name, value in frame.layout.constrain(frame.coordinates.loc.double()).items()}
    density, effects = given_draws(frame.model, frame.layout, rows, z)  # type: ignore[arg-type]
    expected = -Potential(frame.model, frame.layout, rows.to(dtype=torch.float64))(z[0].double())
    assert torch.allclose(density, expected.expand(4000), atol=1e-3)
    for user in (0, USERS - 2, USERS - 1):
        mass = torch.softmax(gains(made, rows, layout, values)[1][:, user], 0).cumsum(0)
        u = mass[torch.searchsorted(GRID, effects[:, user].double().contiguous()).clamp_max(len(GRID) - 1)]
        assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-3
        assert stats.kstest((0.5 + 0.6 * (u - 0.5)).numpy(), "uniform").pvalue < 1e-6  # the test sees draws that are too narrow


def test_coordinates_that_are_left_are_the_marginal() -> None:
    made, rows = model(), log()
    layout = Layout.of(made, rows)
    whole = newton_laplace(made, rows, layout).coordinates
    assert isinstance(whole, ScaleAdaptive)
    left = without_exchangeable(whole)
    epsilon = torch.randn(5, layout.size).double()
    assert torch.allclose(whole(epsilon)[:, USERS:], left(epsilon[:, USERS:]))


@pytest.mark.parametrize("prior", [None, Normal(0.0, 0.8)], ids=["learned", "fixed"])
def test_the_centre_is_the_mode_and_narrow_blocks_have_unit_curvature(prior: Any) -> None:
    _, rows, _, frame = framed(prior)
    potential = Potential(frame.model, frame.layout, rows.to(dtype=torch.float64))
    coordinates = frame.coordinates
    z = coordinates.loc.double()
    gradient = potential.gradient(z)[1]
    moved = ~frame.layout.hyper()
    # What a step of one deviation would gain: nothing to speak of.
    jacobian: Any = torch.autograd.functional.jacobian(coordinates, torch.zeros(frame.layout.size).double())
    assert float((gradient.abs() * jacobian.norm(dim=1))[moved].max()) < 0.05

    def along(epsilon: Tensor) -> Tensor:
        at = torch.zeros(frame.layout.size).double()
        at[narrow] = epsilon
        return potential(coordinates(at))

    # The rate and the weights' scale are not among them: the first is followed in a fit of a log, the second has its evidence.
    names = ("propensity_intercept", "propensity_effects", "user_activity_scale")
    narrow = torch.cat([torch.arange(site.flat.start, site.flat.stop) for site in frame.layout.sites if site.name in names])
    bend: Any = torch.autograd.functional.hessian(along, torch.zeros(len(narrow)).double())
    assert torch.allclose(bend, torch.eye(len(narrow)).double(), atol=0.15)


def test_one_latent_in_another_form() -> None:
    """Near the centre the same place, to second order; its centre exactly."""
    made, rows = model(), log()
    layout = Layout.of(made, rows)
    whole = newton_laplace(made, rows, layout).coordinates
    site = next(site for site in layout.sites if site.name == "user_activity_scale")
    other, score = copy.deepcopy(whole), HalfNormalScore(1.0)
    recast(other, site.flat.start, site.transform, score)
    for size, close in ((0.0, 1e-12), (1e-3, 1e-5)):
        epsilon = size * torch.randn(layout.size).double()
        z, moved = whole(epsilon), other(epsilon)
        before, after = site.transform(z[site.flat]), score._call(moved[site.flat])
        assert float(before) == pytest.approx(float(after), rel=close)


@pytest.mark.parametrize("inference", [SVI(max_steps=200, draws=400), Laplace(draws=400)], ids=["svi", "laplace"])
def test_a_fit_gives_every_user_an_effect_and_its_ratios_are_of_the_globals(inference: Any) -> None:
    fitted = fit(model(), log(), inference=inference, starts=1)
    assert fitted.draws["user_activity"].shape == (400, USERS)
    assert list(fitted.draws) == [site.name for site in Layout.of(model(), log()).sites]
    ratio = fitted.sample_stats["log_density"] - fitted.sample_stats["log_guide"]
    assert float(ratio.std()) < (1.5 if isinstance(inference, SVI) else 6.0)  # ninety rows: Laplace's normal is a rough one
    unseen, never = fitted.draws["user_activity"][:, USERS - 1], fitted.draws["user_activity"][:, USERS - 2]
    assert float(never.mean()) < float(unseen.mean()) - 0.3
    spread = fitted.draws["user_activity_scale"].square().mean().sqrt()
    assert float(unseen.std()) == pytest.approx(float(spread), rel=0.25)


def test_what_cannot_be_summed_out_is_left_as_it_is() -> None:
    from probrm.priors import Horseshoe

    for made, rows in ((model(Horseshoe()), log()), (model(), log().slice(0, 40))):
        layout = Layout.of(made, rows)
        coordinates = newton_laplace(made, rows, layout).coordinates
        assert not frame_of(made, coordinates, layout, rows).integrated
