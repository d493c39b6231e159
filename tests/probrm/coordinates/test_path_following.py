"""Coordinates along a ridge against autograd, and their spline against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.autograd import gradcheck
from torch.autograd.functional import jacobian

from probrm.coordinates.path_following import Spline
from probrm.guides import PathFollowing, ScaleAdaptive, Whitening

KNOTS = torch.tensor([-2.0, -1.1, -0.9, 0.4, 1.5, 3.0]).double()
INDEX, USERS, SIZE, REST = 6, 3, 9, 8
"""The followed latent stands behind the users' block and among the others."""


def whitening(users: int = USERS) -> Whitening:
    rest = REST - users
    root, coupling = torch.randn(rest, rest).double(), torch.randn(users, rest).double()
    diagonal = torch.rand(users).double() + 0.5
    dense = root @ root.T + torch.eye(rest).double() + coupling.T @ (coupling / diagonal[:, None])
    return Whitening(torch.randn(REST).double(), diagonal, coupling, dense)


def breathing() -> ScaleAdaptive:
    """The last coordinate is a scale, which the others follow more or less."""
    exponents = torch.rand(REST, 1).double()
    exponents[-1] = 0.0
    linear = Whitening(
        torch.randn(REST).double(), torch.rand(USERS).double() + 1, 0.2 * torch.randn(USERS, 5).double(), 3 * torch.eye(5).double()
    )
    return ScaleAdaptive(linear, torch.tensor([REST - 1]), exponents)


@pytest.fixture(params=["whitening", "breathing", "no users", "first", "last"])
def ridge(request: pytest.FixtureRequest) -> PathFollowing:
    base = {"breathing": breathing, "no users": lambda: whitening(0)}.get(request.param, whitening)()
    index = {"first": 0, "last": SIZE - 1}.get(request.param, INDEX)
    return PathFollowing(base, index, 0.3, 1.7, KNOTS, torch.randn(len(KNOTS), REST).double())


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)])
def test_forward_and_inverse(ridge: PathFollowing, lead: tuple[int, ...]) -> None:
    epsilon = torch.randn(*lead, SIZE).double()
    z = ridge(epsilon)
    assert z.shape == (*lead, SIZE)
    assert torch.allclose(ridge.inverse(z), epsilon, atol=1e-9)
    assert torch.allclose(ridge(ridge.inverse(z)), z, atol=1e-9)


def test_log_det_is_autograds(ridge: PathFollowing) -> None:
    epsilon = 2 * torch.randn(5, SIZE).double()
    together = ridge.log_det(ridge(epsilon))
    for i in range(5):
        matrix = jacobian(ridge, epsilon[i])
        assert isinstance(matrix, Tensor)
        expected = float(torch.linalg.slogdet(matrix)[1])
        assert float(together[i]) == pytest.approx(expected, abs=1e-8)
        assert float(ridge.log_det(ridge(epsilon[i]))) == pytest.approx(expected, abs=1e-8)


def test_the_centre(ridge: PathFollowing) -> None:
    assert torch.allclose(ridge.loc, ridge(torch.zeros(SIZE).double()), atol=1e-12)
    assert float(ridge.loc[ridge.index]) == pytest.approx(0.3)
    rest = torch.arange(SIZE) != ridge.index
    assert torch.equal(ridge.loc[rest], ridge.base.loc)


def test_the_latent_is_normal_and_the_others_follow_the_path(ridge: PathFollowing) -> None:
    rest = torch.arange(SIZE) != ridge.index
    for own in (-3.0, -0.4, 2.0):
        epsilon = torch.zeros(SIZE).double()
        epsilon[ridge.index] = own
        z = ridge(epsilon)
        at = 0.3 + 1.7 * own
        assert float(z[ridge.index]) == pytest.approx(at, abs=1e-12)
        shift = ridge.path(torch.tensor(at).double()) - ridge.path(torch.tensor(0.3).double())
        assert torch.allclose(z[rest] - ridge.base.loc, shift, atol=1e-10)


def test_with_a_path_that_stays_it_is_the_base() -> None:
    base = whitening()
    ridge = PathFollowing(base, INDEX, 0.0, 2.0, KNOTS, torch.randn(REST).double().repeat(len(KNOTS), 1))
    epsilon = torch.randn(4, SIZE).double()
    rest = torch.arange(SIZE) != INDEX
    assert torch.allclose(ridge(epsilon)[:, rest], base(epsilon[:, rest]), atol=1e-10)


def test_it_is_moved_and_saved_with_its_module() -> None:
    ridge = PathFollowing(whitening(), INDEX, 0.3, 1.7, KNOTS, torch.randn(len(KNOTS), REST).double())
    epsilon = torch.randn(SIZE).double()
    exact = ridge(epsilon)
    assert {"mean", "sd", "path.knots", "path.coefficients"} <= set(ridge.state_dict())
    single = ridge.float()(epsilon.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, atol=1e-4)


@pytest.fixture(params=[(), (3,), (2, 4)], ids=["scalar", "vector", "matrix"])
def values(request: pytest.FixtureRequest) -> Tensor:
    return torch.randn(len(KNOTS), *request.param).double()


def test_a_spline_goes_through_its_knots(values: Tensor) -> None:
    assert torch.allclose(Spline(KNOTS, values)(KNOTS), values, atol=1e-12)


def test_a_spline_is_scipys_between_them(values: Tensor) -> None:
    at = torch.linspace(-2, 3, 211).double()
    expected = CubicSpline(KNOTS.numpy(), values.numpy(), bc_type="natural")(at.numpy())
    assert torch.allclose(Spline(KNOTS, values)(at), torch.from_numpy(np.asarray(expected)), atol=1e-10)


def test_a_spline_is_straight_beyond(values: Tensor) -> None:
    spline = Spline(KNOTS, values)
    reference = CubicSpline(KNOTS.numpy(), values.numpy(), bc_type="natural")
    for end, sign in ((-2.0, -1), (3.0, 1)):
        slope, value = (torch.from_numpy(np.asarray(reference(end, order))) for order in (1, 0))
        for beyond in (0.01, 1.0, 40.0):
            assert torch.allclose(spline(torch.tensor(end + sign * beyond).double()), value + sign * beyond * slope, atol=1e-9)


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_a_splines_shapes(values: Tensor, lead: tuple[int, ...]) -> None:
    assert Spline(KNOTS, values)(torch.randn(lead).double()).shape == (*lead, *values.shape[1:])


def test_a_splines_gradient(values: Tensor) -> None:
    """Within, at either side of the ends, beyond; not at a knot, where a finite difference crosses pieces."""
    spline = Spline(KNOTS, values)
    at = torch.tensor([-7.0, -2.01, -1.99, -1.0, 0.0, 2.99, 3.01, 9.0]).double().requires_grad_()
    assert gradcheck(spline, (at,))
    reference = CubicSpline(KNOTS.numpy(), values.numpy(), bc_type="natural")
    slope = jacobian(lambda x: spline(x), torch.tensor(0.7).double())
    assert isinstance(slope, Tensor)
    assert torch.allclose(slope, torch.from_numpy(np.asarray(reference(0.7, 1))), atol=1e-10)


def test_a_spline_at_an_end_is_not_kinked(values: Tensor) -> None:
    """Exactly at the ends the slope is the one-sided one: a Newton step from a knot of the profile begins there."""
    spline = Spline(KNOTS, values)
    reference = CubicSpline(KNOTS.numpy(), values.numpy(), bc_type="natural")
    for end in (-2.0, 3.0):
        slope = jacobian(lambda x: spline(x), torch.tensor(end).double())
        assert isinstance(slope, Tensor)
        assert torch.allclose(slope, torch.from_numpy(np.asarray(reference(end, 1))), atol=1e-9)


def test_two_knots_are_a_line() -> None:
    spline = Spline(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 5.0]))
    assert torch.allclose(spline(torch.tensor([-1.0, 0.5, 3.0])), torch.tensor([-1.0, 2.0, 7.0]), atol=1e-6)
