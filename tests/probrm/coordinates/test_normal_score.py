"""The normal score of a half-normal latent, against SciPy, in both precisions and far into both tails."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats

from probrm.coordinates.normal_score import HalfNormalScore

X = (-6.0, -4.9, -3.0, -1.0, -0.01, 0.0, 0.01, 1.0, 3.0, 6.0, 9.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_values_inverse_and_volume(dtype: torch.dtype, scale: float) -> None:
    transform: Any = HalfNormalScore(scale)
    x = torch.tensor(X, dtype=dtype, requires_grad=True)
    y = transform(x)
    expected = [stats.halfnorm.isf(stats.norm.sf(v), scale=scale) for v in X]
    assert torch.allclose(y.detach(), torch.tensor(expected, dtype=dtype), rtol=1e-4 if dtype == torch.float32 else 1e-9)
    assert torch.allclose(transform.inv(y), x, atol=1e-4 if dtype == torch.float32 else 1e-9)
    slope = torch.autograd.grad(y.sum(), x)[0]
    assert torch.allclose(slope.log(), transform.log_abs_det_jacobian(x, y), atol=1e-4 if dtype == torch.float32 else 1e-9)


def test_under_vmap() -> None:
    transform: Any = HalfNormalScore(1.0)
    x = torch.randn(5)
    assert torch.equal(torch.vmap(transform)(x), transform(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_step_too_far_is_a_number(dtype: torch.dtype) -> None:
    """As far out as no posterior is, but a search may look: finite, in order, and there and back again."""
    transform: Any = HalfNormalScore(2.0)
    x = torch.tensor([-1e3, -20.0, 11.9, 12.1, 34.9, 35.1, 1e3], dtype=dtype, requires_grad=True)
    y = transform(x)
    assert bool(torch.isfinite(y).all())
    assert bool((y > 0).all())
    assert bool((y.diff() >= 0).all())
    assert torch.allclose(transform.inv(y)[2:], x[2:], rtol=1e-3)
    assert bool(torch.isfinite(torch.autograd.grad(y.sum(), x)[0]).all())
