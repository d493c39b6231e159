"""Rows that see the global latents through a few linear predictors: what makes their curvature cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class LinearForm:
    """``η_q = X_q θ_q`` (plus one user's effect in one of them), and a row's log density as a function of its ``η`` alone.

    Attributes:
        designs: ``X_q (n, P_q)``, one a predictor.
        coefficients: from global values (one draw) to ``θ_q (P_q,)``, one a predictor; may be any smooth function of them.
        density: from predictors ``(q, n)`` to the rows' log densities ``(n,)``, weights and scale included.
        user: each row's entry of the exchangeable site, ``(n,)``; None without one.
        user_predictor: which predictor that entry is added to.
    """

    designs: list[Float[Tensor, "n p"]]
    coefficients: Callable[[Mapping[str, Tensor]], list[Tensor]]
    density: Callable[[Float[Tensor, "q n"]], Float[Tensor, " n"]]
    user: Int[Tensor, " n"] | None = None
    user_predictor: int = 0

    def predictors(self, values: Mapping[str, Tensor], effects: Float[Tensor, " u"] | None = None) -> Float[Tensor, "q n"]:
        """The rows' predictors, in the designs' precision; ``effects`` are those of the users."""
        rows = [x @ c.to(x.dtype) for x, c in zip(self.designs, self.coefficients(values), strict=True)]
        if self.user is not None and effects is not None:
            rows[self.user_predictor] = rows[self.user_predictor] + effects.to(rows[0].dtype).index_select(0, self.user)
        return torch.stack(rows)

    def curvature(
        self, predictors: Float[Tensor, "q n"], users: int
    ) -> tuple[Float[Tensor, " P"], Float[Tensor, " u"], Float[Tensor, "u P"], Float[Tensor, "P P"]]:
        """Derivatives of ``−Σ log density`` in the coefficients: gradient, then the Hessian in arrow form (users first).

        The Hessian is ``Xᵀ W X`` with the rows' own second derivatives ``W (q, q)``: matrix products instead of one backward pass a
        coefficient.
        """
        eta = predictors.detach().requires_grad_()
        first = torch.autograd.grad(-self.density(eta).sum(), eta, create_graph=True)[0]
        second = [torch.autograd.grad(row.sum(), eta, retain_graph=True)[0] for row in first]
        gradient = torch.cat([x.T @ g for x, g in zip(self.designs, first.detach(), strict=True)])
        blocks: list[list[Tensor]] = []
        for a, x in enumerate(self.designs):  # symmetric: what stands below the diagonal is there already
            above = [x.T @ (second[a][b][:, None] * y) for b, y in enumerate(self.designs) if b >= a]
            blocks.append([*(row[a].T for row in blocks), *above])
        dense = torch.cat([torch.cat(row, 1) for row in blocks])
        diagonal, coupling = eta.new_zeros(users), eta.new_zeros(users, dense.shape[1])
        if self.user is not None and users:
            weights = second[self.user_predictor]
            diagonal.index_add_(0, self.user, weights[self.user_predictor])
            coupling.index_add_(0, self.user, torch.cat([w[:, None] * x for w, x in zip(weights, self.designs, strict=True)], 1))
        return gradient, diagonal, coupling, dense
