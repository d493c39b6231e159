"""Split steps and the trees made of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import NUTS, newton_laplace
from probrm.inference.nuts import run_nuts
from probrm.inference.split_nuts import SITE, SplitNUTS, split_step
from probrm.model import RewardModel
from probrm.priors import Normal

Make = Callable[..., RewardModel]


def normal(place: Tensor) -> Tensor:
    return 0.5 * place.square().sum()


def bent(place: Tensor) -> Tensor:
    """Far from normal: a ridge along a parabola."""
    return 0.5 * place[0] ** 2 + 2 * (place[1] - 0.3 * place[0] ** 2).square() + 0.1 * place[1] ** 4


def with_gradient(energy: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def of(place: Tensor) -> tuple[Tensor, Tensor]:
        place = place.detach().requires_grad_()
        value = energy(place)
        return value.detach(), torch.autograd.grad(value, place)[0]

    return of


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, 2.0])
def test_a_step_is_a_rotation_where_the_energy_is_a_standard_normals(angle: float) -> None:
    place, momentum = torch.randn(2, 5).double()
    there, moving, value, slope = split_step(with_gradient(normal), place, momentum, place, angle)
    assert torch.allclose(there, math.cos(angle) * place + math.sin(angle) * momentum)
    assert torch.allclose(slope, there)
    assert float(value + 0.5 * moving.square().sum()) == pytest.approx(float(normal(place) + 0.5 * momentum.square().sum()))


def test_a_step_goes_back_and_keeps_volumes() -> None:
    energy, angle = with_gradient(bent), 0.4
    start = torch.randn(4).double()

    def step(state: Tensor, by: float) -> Tensor:
        place, momentum = state[:2], state[2:]
        return torch.cat(split_step(energy, place, momentum, energy(place)[1], by)[:2])

    assert torch.allclose(step(step(start, angle), -angle), start, atol=1e-12)
    h, unit = 1e-6, torch.eye(4).double()
    columns = [(step(start + h * unit[i], angle) - step(start - h * unit[i], angle)) / (2 * h) for i in range(4)]
    assert float(torch.stack(columns, 1).det()) == pytest.approx(1.0, abs=1e-6)


def test_errors_shrink_with_the_square_of_the_angle() -> None:
    """Energy errors over the same path of 1.2 radians."""
    energy, start = with_gradient(bent), torch.tensor([0.8, -0.2, 0.5, 0.7]).double()

    def error(steps: int) -> float:
        place, momentum = start[:2], start[2:]
        value, slope = energy(place)
        before = value + 0.5 * momentum.dot(momentum)
        for _ in range(steps):
            place, momentum, value, slope = split_step(energy, place, momentum, slope, 1.2 / steps)
        return abs(float(value + 0.5 * momentum.dot(momentum) - before))

    assert error(40) / error(20) == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize(
    ("tuned", "angle", "depth"),
    [(5.0, math.pi / 2, 1), (1.6, math.pi / 2, 1), (1.5, math.pi / 4, 2), (0.8, math.pi / 4, 2), (0.75, 0.75, 10)],
)
def test_angle_and_depth_after_the_warm_up(tuned: float, angle: float, depth: int) -> None:
    """Never a longer step than the warm-up found: one or two of them make a quarter turn, or trees are Pyro's own."""
    kernel = SplitNUTS(lambda params: normal(params[SITE]), tuned, 0.8)
    kernel.initial_params = {SITE: torch.randn(3).double()}
    kernel.setup(0)
    for _ in range(2):
        kernel.sample({})
        assert float(kernel.step_size) == pytest.approx(angle)
        assert kernel._max_tree_depth == depth


def test_the_target_acceptance_is_reached(regression: Make, simulated: Callable[..., Batch]) -> None:
    """Where the posterior is far from normal a lower target makes longer steps that are taken less often."""
    batch, model = simulated(8, 2, "logistic", scale=2.0, seed=3), regression(2, "logistic", Normal(0.0, 3.0))
    layout = Layout.of(model, batch)
    coordinates = newton_laplace(model, batch, layout).coordinates
    steps, rates = [], []
    for target in (0.6, 0.95):
        torch.manual_seed(0)
        settings = NUTS(warmup=300, draws=300, chains=1, thin=1, target_acceptance=target)
        stats = run_nuts(model, batch, layout, coordinates, settings).sample_stats
        steps.append(float(stats["step_size"].mean()))
        rates.append(float(stats["acceptance_rate"].mean()))
    assert steps[0] > 1.2 * steps[1]
    assert rates[0] < rates[1]
    assert rates[1] == pytest.approx(0.95, abs=0.05)


def test_thinned_draws_are_noted_together(regression: Make, simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(60, 3), regression(3)
    layout = Layout.of(model, batch)
    coordinates = newton_laplace(model, batch, layout).coordinates
    chains = run_nuts(model, batch, layout, coordinates, NUTS(warmup=30, draws=20, thin=4))
    assert chains.draws["weights"].shape == (20, 3)
    assert chains.sample_stats["n_steps"].tolist() == [4] * 20  # a normal posterior: one step a trajectory
    assert chains.sample_stats["tree_depth"].tolist() == [1] * 20
