"""Rows behind linear predictors: predictors and curvature against autograd's own Hessian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.functional import hessian, jacobian

from probrm.linear import LinearForm

N, USERS = 12, 4
SIZES = (3, 2, 1)
pytestmark = pytest.mark.usefixtures("double")


def density(eta: Tensor) -> Tensor:
    """Couples all three predictors and is not even in any of them."""
    return F.logsigmoid(eta[0]) * eta[1].cos() - (eta[2] - 0.3 * eta[0] * eta[1]).square() + eta[1].sin() * eta[2]


def coefficients(values: Mapping[str, Tensor]) -> list[Tensor]:
    return list(values["theta"].split(SIZES))


@pytest.fixture(params=[None, 0, 1, 2], ids=["no users", "users in 0", "users in 1", "users in 2"])
def form(request: pytest.FixtureRequest) -> LinearForm:
    """User 2 has no row; user 0 has several."""
    designs = [torch.randn(N, size) for size in SIZES]
    user = None if request.param is None else torch.tensor([0, 1, 3])[torch.arange(N) % 3]
    return LinearForm(designs, coefficients, density, user, request.param or 0)


def total(form: LinearForm, flat: Tensor) -> Tensor:
    """``−Σ log density`` of users' effects and coefficients, row by row."""
    users = 0 if form.user is None else USERS
    effects, parts = flat[:users], list(flat[users:].split(SIZES))
    sum_ = flat.new_zeros(())
    for i in range(N):
        eta = [x[i] @ part for x, part in zip(form.designs, parts, strict=True)]
        if form.user is not None:
            eta[form.user_predictor] = eta[form.user_predictor] + effects[form.user[i]]
        sum_ = sum_ - density(torch.stack(eta)[:, None])[0]
    return sum_


def place(form: LinearForm) -> tuple[Tensor, Tensor, int]:
    """Flat vector, predictors there, number of users."""
    users = 0 if form.user is None else USERS
    flat = torch.randn(users + sum(SIZES))
    return flat, form.predictors({"theta": flat[users:]}, flat[:users] if users else None), users


def test_predictors(form: LinearForm) -> None:
    flat, eta, users = place(form)
    assert eta.shape == (3, N)
    assert float(-form.density(eta).sum()) == pytest.approx(float(total(form, flat)), abs=1e-10)
    plain = form.predictors({"theta": flat[users:]})  # without effects, whoever the user is
    expected = torch.stack([x @ part for x, part in zip(form.designs, flat[users:].split(SIZES), strict=True)])
    assert torch.allclose(plain, expected, atol=1e-12)


def test_curvature_is_the_hessian(form: LinearForm) -> None:
    flat, eta, users = place(form)
    gradient, diagonal, coupling, dense = form.curvature(eta, users)
    slope, whole = jacobian(lambda z: total(form, z), flat), hessian(lambda z: total(form, z), flat)
    assert isinstance(slope, Tensor)
    assert isinstance(whole, Tensor)
    assert torch.allclose(gradient, slope[users:], atol=1e-9)
    assert torch.allclose(dense, whole[users:, users:], atol=1e-9)
    assert torch.allclose(coupling, whole[:users, users:], atol=1e-9)
    assert torch.allclose(torch.diag(diagonal), whole[:users, :users], atol=1e-9)


def test_a_user_without_rows_has_no_curvature(form: LinearForm) -> None:
    _, eta, users = place(form)
    _, diagonal, coupling, _ = form.curvature(eta, users)
    if users:
        assert float(diagonal[2]) == 0.0
        assert bool((coupling[2] == 0).all())
        assert bool((diagonal[[0, 1, 3]] != 0).all())


def test_curvature_is_that_of_the_rows_where_the_latents_are_held(form: LinearForm) -> None:
    """An exchangeable site that is given (length 0 of the block) leaves its effects in the predictors alone."""
    _, eta, users = place(form)
    gradient, diagonal, coupling, dense = form.curvature(eta, 0)
    whole = form.curvature(eta, users)
    assert (len(diagonal), coupling.shape) == (0, (0, sum(SIZES)))
    assert torch.equal(gradient, whole[0])
    assert torch.equal(dense, whole[3])


def test_the_density_is_what_is_curved(form: LinearForm) -> None:
    """Control: another density has another Hessian."""
    _, eta, users = place(form)
    other = replace(form, density=lambda e: density(e) + 0.01 * e[0] * e[2])
    assert not torch.allclose(form.curvature(eta, users)[3], other.curvature(eta, users)[3], atol=1e-4)


def test_nothing_is_left_to_differentiate(form: LinearForm) -> None:
    _, eta, users = place(form)
    assert not any(part.requires_grad for part in form.curvature(eta.requires_grad_(), users))


@pytest.mark.parametrize("short", [True, False], ids=["16 bits", "32 bits"])
def test_wide_blocks_in_low_precision(short: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 2 % of the exact curvature in any direction, a unit prior under it; of a tenth of the rows, far more.

    In one sum of 16 bits, which is what the slices are for, it is more than twice that.
    """
    n, p = 20_000, 128
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": short})
    x = torch.randn(n, p) * torch.arange(1, p + 1) ** -0.6
    wide = LinearForm([x], lambda values: [values["theta"]], lambda eta: torch.nn.functional.logsigmoid(eta[0]) / 20)
    eta = wide.predictors({"theta": torch.randn(p)})
    exact = wide.curvature(eta, 0)[3].double() + torch.eye(p).double()
    inverse = torch.linalg.inv(torch.linalg.cholesky(exact))

    def off(rows: int) -> float:
        found = replace(wide).curvature(eta, 0, rows)[3].double() + torch.eye(p).double()
        return float(torch.linalg.eigvalsh(inverse @ (found - exact) @ inverse.T).abs().max())

    error = off(n)
    assert error < (0.02 if short else 1e-4)
    assert off(n // 10) > 0.1
    monkeypatch.setattr("probrm.linear._SLICE", n)
    assert off(n) > (2 * error if short else 0.0)
