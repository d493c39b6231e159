"""Rows that see the global latents through a few linear predictors: what makes their curvature cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class LinearForm:
    """``η_q = Σ X_b θ_b`` over the blocks b of predictor q (plus one user's effect in one of them), and a row's log density as a function of
    its ``η`` alone.

    Attributes:
        designs: ``X_b (n, P_b)``, block by block.
        coefficients: from global values (one draw) to ``θ_b (P_b,)``, one a block; may be any smooth function of them.
        density: from predictors ``(q, n)`` to the rows' log densities ``(n,)``, weights and scale included.
        user: each row's entry of the exchangeable site, ``(n,)``; None without one.
        user_predictor: which predictor that entry is added to.
        predictor: of each block; empty where each block is a predictor of its own.
    """

    designs: list[Float[Tensor, "n p"]]
    coefficients: Callable[[Mapping[str, Tensor]], list[Tensor]]
    density: Callable[[Float[Tensor, "q n"]], Float[Tensor, " n"]]
    user: Int[Tensor, " n"] | None = None
    user_predictor: int = 0
    predictor: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Each block's predictor."""
        return self.predictor or tuple(range(len(self.designs)))

    def summed(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        """What blocks contribute, added up predictor by predictor."""
        found: list[Tensor | None] = [None] * (max(self.places) + 1)
        for q, part in zip(self.places, blocks, strict=True):
            before = found[q]
            found[q] = part if before is None else before + part
        assert all(part is not None for part in found)
        return found  # type: ignore[return-value]

    def predictors(self, values: Mapping[str, Tensor], effects: Float[Tensor, " u"] | None = None) -> Float[Tensor, "q n"]:
        """The rows' predictors, in the designs' precision; ``effects`` are those of the users."""
        rows = self.summed([x @ c.to(x.dtype) for x, c in zip(self.designs, self.coefficients(values), strict=True)])
        if self.user is not None and effects is not None:
            rows[self.user_predictor] = rows[self.user_predictor] + effects.to(rows[0].dtype).index_select(0, self.user)
        return torch.stack(rows)

    def curvature(
        self, predictors: Float[Tensor, "q n"], users: int, rows: int | None = None
    ) -> tuple[Float[Tensor, " P"], Float[Tensor, " u"], Float[Tensor, "u P"], Float[Tensor, "P P"]]:
        """Derivatives of ``−Σ log density`` in the coefficients: gradient, then the Hessian in arrow form (users first).

        The Hessian is ``Xᵀ W X`` with the rows' own second derivatives ``W (q, q)``: matrix products instead of one backward pass a
        coefficient.

        Args:
            predictors: of all rows.
            users: how many entries the exchangeable site has; 0 without one.
            rows: how many of the first rows represent all in the block of the coefficients, ``(P, P)``, multiplied in float32: the one part
                whose cost is quadratic in them. None takes all, as precise as the rest.
        """
        eta = predictors.detach().requires_grad_()
        first = torch.autograd.grad(-self.density(eta).sum(), eta, create_graph=True)[0]
        second = [torch.autograd.grad(row.sum(), eta, retain_graph=True)[0] for row in first]
        places = self.places
        gradient = torch.cat([x.T @ first[q].detach() for x, q in zip(self.designs, places, strict=True)])
        n = eta.shape[1]
        looked = min(n, rows or n)
        some = [x[:looked] if rows is None else x[:looked].float() for x in self.designs]
        blocks: list[list[Tensor]] = []
        for a, x in enumerate(some):  # symmetric: what stands below the diagonal is there already
            above = [x.T @ (second[places[a]][places[b]][:looked, None].to(y.dtype) * y) for b, y in enumerate(some) if b >= a]
            blocks.append([*(row[a].T for row in blocks), *above])
        dense = torch.cat([torch.cat(row, 1) for row in blocks]).to(eta.dtype) * (n / looked)
        diagonal, coupling = eta.new_zeros(users), eta.new_zeros(users, dense.shape[1])
        if self.user is not None and users:
            weights = second[self.user_predictor]
            diagonal.index_add_(0, self.user, weights[self.user_predictor])
            coupling = torch.cat([self._by_user(weights[q], users) @ x for x, q in zip(self.designs, places, strict=True)], 1)
        return gradient, diagonal, coupling, dense

    @cached_property
    def _order(self) -> Int[Tensor, " n"]:
        """The rows, user by user."""
        assert self.user is not None
        return self.user.argsort(stable=True)

    def _by_user(self, weights: Float[Tensor, " n"], users: int) -> Tensor:
        """The sparse matrix that adds up each user's weighted rows, ``(u, n)``."""
        assert self.user is not None
        place = torch.stack([self.user[self._order], self._order])
        return torch.sparse_coo_tensor(place, weights[self._order], (users, len(weights)), is_coalesced=True, check_invariants=False)
