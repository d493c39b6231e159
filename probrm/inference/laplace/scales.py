"""The scales of priors: where their evidence has its mode, how wide it is, and how the weights' widths follow them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from probrm.inference.laplace.potential import Potential

_LEAST = 0.05
"""Share of a scale's information that is left to it at least when the weights' uncertainty is taken off."""
_LONGEST = 1.0
"""Step of a scale's logarithm."""
_STEPS, _AT_REST = 50, 1e-6
"""Newton's steps to the mode of the scales, and the one after which it is reached."""


@dataclass(frozen=True)
class Scales:
    """One round's result for the K scales, in unconstrained coordinates (logarithms).

    Attributes:
        step: towards the mode of the evidence, ``(K,)``.
        width: standard deviation there, ``(K,)``.
        exponents: ``d log sd(w_i) / d log scale_k``, ``(D, K)``.
    """

    step: Float[Tensor, " K"]
    width: Float[Tensor, " K"]
    exponents: Float[Tensor, "D K"]


def estimate_scales(potential: Potential, z: Float[Tensor, " D"], variance: Float[Tensor, " D"], hyper: Bool[Tensor, " D"]) -> Scales:
    """One accelerated EM step.

    EM itself moves to the mode given ``E[w²]`` (not the weights' mode, which has no width). Where the data say little
    about the weights, most of the information that complete data would have on a scale is missing, and EM crawls; its
    step is divided by the share that is not missing (Louis 1982), which makes it Newton's on the evidence.

    Args:
        potential: of the model.
        z: the weights' mode and the present scales.
        variance: of the weights given the scales.
        hyper: which coordinates are scales.
    """
    mode, complete = _em(potential, z, variance, hyper)
    exponents = follow(potential, z, variance, hyper)
    left = complete - (2 * exponents * (2 - exponents)).sum(0)
    share = (left / complete).clamp(_LEAST, 1.0)
    step = ((mode - z[hyper]) / share).clamp(-_LONGEST, _LONGEST)
    return Scales(step, (share * complete).rsqrt(), exponents)


def _em(potential: Potential, z: Tensor, variance: Tensor, hyper: Tensor) -> tuple[Tensor, Tensor]:
    """The scales' mode given the weights' second moments, and the precision there (diagonal).

    For a normal prior ``E log N(w | 0, s) = log N(√E[w²] | 0, s)``, so plugging in the root mean square is exact.
    """
    plugged = torch.where(hyper, z, torch.copysign((z.square() + variance).sqrt(), z))
    scales = z[hyper]
    for _ in range(_STEPS):  # Newton: the energy is convex in the logarithms of the scales
        free = scales.clone().requires_grad_()
        gradient = torch.autograd.grad(potential.prior(plugged.masked_scatter(hyper, free)), free, create_graph=True)[0]
        hessian = _jacobian(gradient, free)
        step = torch.linalg.solve(hessian + torch.diag(hessian.diagonal().abs().clamp_min(1e-2) * 1e-9), gradient.detach())
        scales = scales - step.clamp(-_LONGEST, _LONGEST)
        if bool(step.abs().max() < _AT_REST):
            break
    # The Hessian is arrow-shaped at most (local scales below one global scale): its diagonal is the conditional precision.
    return scales, hessian.diagonal().clamp_min(1e-2)


def follow(potential: Potential, z: Float[Tensor, " D"], variance: Float[Tensor, " D"], hyper: Bool[Tensor, " D"]) -> Float[Tensor, "D K"]:
    """``d log sd(w_i) / d log scale_k`` under the Laplace approximation: near 1 where the data say nothing about ``w_i``.

    With the prior's precision ``h_i`` and the posterior's variance ``v_i``, ``log sd = −½ log(J_i + h_i)``, so the
    derivative is ``−½ v_i dh_i/d log scale_k``; for a normal prior ``v_i / scale²``.
    """
    z = z.detach().requires_grad_()
    gradient = torch.autograd.grad(potential.prior(z), z, create_graph=True)[0]
    # Priors are independent given their scales: the product with ones on the weights is the diagonal of their curvature.
    precision = torch.autograd.grad(gradient, z, (~hyper).to(z.dtype), create_graph=True)[0]
    # Columns of the derivative: one more backward pass through one (its transpose) a scale, not a pass a weight.
    probe = torch.zeros_like(precision, requires_grad=True)
    transposed = torch.autograd.grad(precision, z, probe, create_graph=True, allow_unused=True)[0]
    if transposed is None or not transposed.requires_grad:  # a prior whose curvature is the same everywhere
        return torch.zeros(len(z), int(hyper.sum()), dtype=z.dtype, device=z.device)
    slope = _jacobian(transposed[hyper], probe).T
    return (-0.5 * variance[:, None] * slope).masked_fill(hyper[:, None], 0.0).clamp(0.0, 1.0)


def _jacobian(outputs: Tensor, inputs: Tensor) -> Tensor:
    """``d outputs / d inputs``, all rows in one batched backward pass; zero where there is no dependence."""
    rows = torch.eye(len(outputs), dtype=outputs.dtype, device=outputs.device)
    found = torch.autograd.grad(outputs, inputs, rows, is_grads_batched=True, allow_unused=True)[0]
    return torch.zeros(len(outputs), len(inputs), dtype=outputs.dtype, device=outputs.device) if found is None else found.detach()
