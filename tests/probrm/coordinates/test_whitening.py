"""The arrow-shaped map against dense linear algebra."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from probrm.guides import Whitening


@dataclass
class Arrow:
    whitening: Whitening
    loc: Tensor
    covariance: Tensor


def arrow(users: int, rest: int, seed: int) -> Arrow:
    """A random positive definite arrow precision and its dense inverse."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    diagonal, coupling = 0.5 + normal(users).square(), normal(users, rest)
    root = normal(rest, rest)
    dense = root @ root.T + torch.eye(rest).double() + coupling.T @ (coupling / diagonal[:, None])
    precision = torch.cat([torch.cat([torch.diag(diagonal), coupling], 1), torch.cat([coupling.T, dense], 1)])
    loc = normal(users + rest)
    return Arrow(Whitening(loc, diagonal, coupling, dense), loc, torch.linalg.inv(precision))


@pytest.fixture(params=[(0, 1), (0, 6), (1, 1), (4, 3), (30, 5)], ids=str)
def case(request: pytest.FixtureRequest) -> Arrow:
    return arrow(*request.param, seed=sum(request.param))


def matrix(case: Arrow) -> Tensor:
    """The linear part ``M`` of ``z = loc + M ε``, column by column."""
    return (case.whitening(torch.eye(len(case.loc)).double()) - case.loc).T


def test_covariance(case: Arrow) -> None:
    m = matrix(case)
    assert torch.allclose(m @ m.T, case.covariance, atol=1e-8)


def test_log_determinant(case: Arrow) -> None:
    epsilon = torch.randn(3, len(case.loc)).double()
    assert torch.allclose(case.whitening.log_det(epsilon), case.whitening.log_abs_det.expand(3), atol=1e-12)
    assert float(case.whitening.log_abs_det) == pytest.approx(float(torch.linalg.slogdet(case.covariance)[1]) / 2, abs=1e-8)


def test_centre(case: Arrow) -> None:
    assert torch.equal(case.whitening(torch.zeros_like(case.loc)), case.loc)


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)])
def test_inverse(case: Arrow, lead: tuple[int, ...]) -> None:
    z = torch.randn(*lead, len(case.loc)).double()
    assert torch.allclose(case.whitening(case.whitening.inverse(z)), z, atol=1e-8)
    assert torch.allclose(case.whitening.inverse(case.whitening(z)), z, atol=1e-8)


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)])
def test_transpose(case: Arrow, lead: tuple[int, ...]) -> None:
    gradient = torch.randn(*lead, len(case.loc)).double()
    assert torch.allclose(case.whitening.transpose(gradient), gradient @ matrix(case), atol=1e-8)


def test_variance(case: Arrow) -> None:
    assert torch.allclose(case.whitening.variance(), case.covariance.diagonal(), atol=1e-8)


def test_newton_step_is_the_covariance_times_the_gradient(case: Arrow) -> None:
    gradient = torch.randn(len(case.loc)).double()
    step = case.whitening(case.whitening.transpose(gradient)) - case.loc
    assert torch.allclose(step, case.covariance @ gradient, atol=1e-8)


@pytest.mark.parametrize("users", [0, 3])
def test_diagonal(users: int) -> None:
    loc, scale = torch.randn(5).double(), torch.rand(5).double() + 0.1
    whitening = Whitening.diagonal(loc, scale, users)
    assert torch.allclose(whitening(torch.ones(5).double()), loc + scale, atol=1e-12)
    assert torch.allclose(whitening.variance(), scale.square(), atol=1e-12)


def test_what_is_not_positive_definite_is_refused() -> None:
    zero, eye = torch.zeros(3).double(), torch.eye(2).double()
    with pytest.raises(LinAlgError, match="exchangeable"):
        Whitening(zero, torch.tensor([-1.0]).double(), torch.zeros(1, 2).double(), eye)
    with pytest.raises(LinAlgError):
        Whitening(zero, torch.ones(1).double(), torch.zeros(1, 2).double(), -eye)
    with pytest.raises(LinAlgError):  # each block is positive definite, the whole is not
        Whitening(zero, torch.ones(1).double(), torch.full((1, 2), 2.0).double(), eye)


def test_it_is_saved_and_moved_with_its_module() -> None:
    case = arrow(3, 2, 0)
    assert set(case.whitening.state_dict()) == {"loc", "spread", "shear", "factor"}
    assert case.whitening.float()(torch.zeros(5)).dtype == torch.float32
    assert not list(case.whitening.parameters())
