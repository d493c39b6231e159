"""Coordinates in which weights follow their scale: against the closed form of a normal likelihood, whose posterior they make standard normal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from probrm.coordinates.scale_conditional import ScaleConditional

WEIGHTS, SIZE, SCALE = (0, 2, 3), 7, 1
CENTRE = 0.4
"""Of the scale's logarithm."""


def likelihood() -> tuple[Tensor, Tensor]:
    """Precision and pull of the six latents that are no scale."""
    root = torch.randn(6, 6, generator=torch.Generator().manual_seed(3)).double()
    return root @ root.T + 0.1 * torch.eye(6).double(), torch.randn(6, generator=torch.Generator().manual_seed(4)).double()


def prior(scale: Tensor) -> Tensor:
    """Precisions: of the weights by their scale, of the rest 1."""
    return torch.tensor([float(scale**-2) if i in (0, 1, 2) else 1.0 for i in range(6)]).double()


@pytest.fixture
def coordinates() -> ScaleConditional:
    information, pull = likelihood()
    here = prior(torch.tensor(CENTRE).exp())
    precision = information + torch.diag(here)
    mode = torch.linalg.solve(precision, pull)
    loc = torch.cat([mode[:1], torch.tensor([CENTRE]).double(), mode[1:]])
    weighted = torch.tensor([True, True, True, False, False, False])
    return ScaleConditional(loc, precision, SCALE, 0.3, torch.where(weighted, here, 0.0))


@pytest.mark.parametrize("moved", [-2.0, 0.0, 1.5])
def test_given_the_scale_it_is_the_normal_posterior(coordinates: ScaleConditional, moved: float) -> None:
    information, pull = likelihood()
    precision = information + torch.diag(prior(torch.tensor(CENTRE + 0.3 * moved).exp()))
    base = torch.zeros(SIZE).double()
    base[SCALE] = moved
    rest = [i for i in range(SIZE) if i != SCALE]
    z = coordinates(base)
    assert float(z[SCALE]) == pytest.approx(CENTRE + 0.3 * moved)
    assert torch.allclose(z[rest], torch.linalg.solve(precision, pull), atol=1e-6)
    directions = torch.eye(SIZE).double()[rest]
    root = (coordinates(base + directions) - z)[:, rest].T
    assert torch.allclose(root @ root.T, torch.linalg.inv(precision), atol=1e-6)


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
def test_inverse_and_volume(coordinates: ScaleConditional, lead: tuple[int, ...]) -> None:
    epsilon = torch.randn(*lead, SIZE, generator=torch.Generator().manual_seed(0)).double()
    z = coordinates(epsilon)
    assert torch.allclose(coordinates.inverse(z), epsilon, atol=1e-9)
    assert coordinates.log_det(z).shape == lead
    one = epsilon.reshape(-1, SIZE)[0]
    jacobian = torch.autograd.functional.jacobian(coordinates, one)
    expected = torch.linalg.slogdet(jacobian)[1]  # type: ignore[arg-type]
    assert float(coordinates.log_det(coordinates(one))) == pytest.approx(float(expected), abs=1e-9)


def test_a_direction_that_curves_the_wrong_way_is_no_wider_than_the_prior() -> None:
    precision = torch.diag(torch.tensor([0.2, 3.0])).double()
    found = ScaleConditional(torch.zeros(3).double(), precision, 0, 0.5, torch.ones(2).double())
    epsilon = torch.tensor([8.0, 1.0, 1.0]).double()  # a scale e⁴ times as large
    assert bool(torch.isfinite(found(epsilon)).all())
    assert float(found(torch.tensor([0.0, 1.0, 0.0]).double())[1:].norm()) == pytest.approx(1.0, abs=1e-3)


def test_under_vmap(coordinates: ScaleConditional) -> None:
    epsilon = torch.randn(5, SIZE).double()
    assert torch.allclose(torch.vmap(coordinates)(epsilon), coordinates(epsilon))
