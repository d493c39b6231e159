"""The map whose widths follow the scales of their priors, against autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pyro import poutine
from torch import Tensor
from torch.autograd.functional import jacobian

from probrm.data.batch import Batch
from probrm.guides import Layout, ScaleAdaptive, Whitening, build_guide
from probrm.model import RewardModel


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


@pytest.fixture
def coordinates() -> ScaleAdaptive:
    """Nine coordinates, the first five exchangeable, the last a scale, the others following it more or less."""
    root = torch.randn(4, 4).double()
    whitening = Whitening(
        torch.randn(9).double(), torch.rand(5).double() + 1, 0.3 * torch.randn(5, 4).double(), root @ root.T + 2 * torch.eye(4).double()
    )
    exponents = torch.rand(9, 1).double()
    exponents[8] = 0.0
    return ScaleAdaptive(whitening, torch.tensor([8]), exponents)


def test_log_det_is_autograds(coordinates: ScaleAdaptive) -> None:
    epsilon = torch.randn(4, 9).double()
    for i in range(4):
        matrix = jacobian(coordinates, epsilon[i])
        assert isinstance(matrix, Tensor)
        expected = float(torch.linalg.slogdet(matrix)[1])
        assert float(coordinates.log_det(coordinates(epsilon[i]))) == pytest.approx(expected, abs=1e-8)
        assert float(coordinates.log_det(coordinates(epsilon))[i]) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)])
def test_inverse(coordinates: ScaleAdaptive, lead: tuple[int, ...]) -> None:
    epsilon = torch.randn(*lead, 9).double()
    assert torch.allclose(coordinates.inverse(coordinates(epsilon)), epsilon, atol=1e-8)


def test_a_deviation_grows_with_its_scale_by_its_exponent(coordinates: ScaleAdaptive) -> None:
    epsilon = torch.randn(9).double()
    linear, z = coordinates.whitening(epsilon) - coordinates.loc, coordinates(epsilon) - coordinates.loc
    assert float(z[8]) == pytest.approx(float(linear[8]), abs=1e-12)
    assert torch.allclose((z / linear).log(), coordinates.exponents[:, 0] * linear[8], atol=1e-8)


def test_without_exponents_it_is_the_whitening(coordinates: ScaleAdaptive) -> None:
    plain = ScaleAdaptive(coordinates.whitening, coordinates.scales, torch.zeros(9, 1).double())
    epsilon = torch.randn(5, 9).double()
    assert torch.allclose(plain(epsilon), coordinates.whitening(epsilon), atol=1e-12)
    assert torch.allclose(plain.log_det(epsilon), coordinates.whitening.log_det(epsilon), atol=1e-12)


def test_log_density_of_a_guides_draw(coordinates: ScaleAdaptive, two_rates: Callable[..., RewardModel], rates_batch: Batch) -> None:
    """Change of variables from ε to the sites' values, by autograd through the whole inverse."""
    model = two_rates(5)
    layout = Layout.of(model, rates_batch)
    guide = build_guide("full-rank", model, layout, coordinates)
    assert isinstance(guide, torch.nn.Module)
    guide.double()
    trace = run(guide, rates_batch)
    flat = torch.cat([trace.nodes[site.name]["value"].detach().reshape(-1) for site in layout.sites])

    def back(flat: Tensor) -> Tensor:
        return coordinates.inverse(layout.unconstrain({site.name: flat[site.flat].reshape(site.shape) for site in layout.sites}))

    change = jacobian(back, flat)
    assert isinstance(change, Tensor)
    expected = guide.family().log_prob(back(flat)) + torch.linalg.slogdet(change)[1]  # type: ignore[operator]
    assert float(trace.log_prob_sum().detach()) == pytest.approx(float(expected.detach()), abs=1e-8)
