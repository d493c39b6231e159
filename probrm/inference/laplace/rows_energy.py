"""The rows' part of the energy with its gradient in one go: what a sampler asks for ten thousand times.

``E(θ) = −Σ_i log density(η_i)`` with ``η = X θ``. Its gradient in the coefficients is ``Xᵀ ∂E/∂η`` (the chain rule; for the logistic
regression see McCullagh & Nelder 1989, section 4.4): two products with each design, and one elementwise backward pass over the predictors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.linear import LinearForm


@dataclass(frozen=True)
class RowsEnergy:
    """``−Σ log density`` of a linear form's rows as a function of its coefficients.

    Args:
        form: the rows; their predictors and densities are worked out in its designs' precision and added up in float64.
    """

    form: LinearForm

    def __call__(self, coefficients: list[Float[Tensor, " p"]], effects: Float[Tensor, " u"] | None = None) -> Tensor:
        """The energy in nats, a float64 scalar that can be differentiated once.

        Args:
            coefficients: one vector a block, in the form's order.
            effects: of the users, where the form has such.
        """
        used = None if self.form.user is None else effects
        return _Sum.apply(self, used, *coefficients)  # type: ignore[return-value]

    def value_and_gradient(
        self, coefficients: tuple[Tensor, ...], effects: Float[Tensor, " u"] | None
    ) -> tuple[Tensor, list[Float[Tensor, " p"]], Float[Tensor, " u"] | None]:
        """The energy, its gradient in each block and in the users' effects."""
        form = self.form
        rows = form.summed([c.to(design.dtype) @ design for design, c in zip(self._designs, coefficients, strict=True)])
        if form.user is not None and effects is not None:
            rows[form.user_predictor] = rows[form.user_predictor] + effects.to(rows[0].dtype).index_select(0, form.user)
        with torch.enable_grad():
            eta = torch.stack(rows).requires_grad_()
            value = -form.density(eta).sum(dtype=torch.float64)
            slope = torch.autograd.grad(value, eta)[0]
        blocks = [(design @ slope[q]).to(c.dtype) for design, q, c in zip(self._designs, form.places, coefficients, strict=True)]
        if form.user is None or effects is None:
            return value.detach(), blocks, None
        return value.detach(), blocks, torch.zeros_like(effects).index_add_(0, form.user, slope[form.user_predictor].to(effects.dtype))

    @cached_property
    def _designs(self) -> list[Float[Tensor, "p n"]]:
        """Each block column by column: both products then read memory in order, in half the time. A design of several blocks is kept once."""
        kept = {id(design): design for design in self.form.designs}
        turned = {key: design.T.contiguous() for key, design in kept.items()}
        return [turned[id(design)] for design in self.form.designs]


class _Sum(torch.autograd.Function):
    """The value; its gradient is found along with it, since every energy that a sampler asks for is differentiated."""

    @staticmethod
    def forward(ctx: Any, rows: RowsEnergy, effects: Tensor | None, *coefficients: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The energy."""
        value, blocks, of_users = rows.value_and_gradient(coefficients, effects)
        ctx.save_for_backward(of_users, *blocks)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The saved gradient."""
        return (None, *(None if part is None else gradient * part for part in ctx.saved_tensors))
