"""Rows that see the global latents through a few linear predictors: what makes their curvature cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

_WIDE = 10_000
"""Products of columns from which on two blocks count as wide."""
_SLICE = 4096
"""Rows whose products are added up in 16 bits where the processor multiplies in these; the slices' sums are added in 32."""


@dataclass(frozen=True)
class Tied:
    """Rows that share something that was summed out, and so depend on each other's predictors.

    Attributes:
        shared: predictors whose columns are alike in rows that belong together; first those whose columns are alike in all rows.
        held: ``density`` with the same value and gradient, the weights of what was summed out held: rows' second derivatives are then their
            own alone.
        apart: from predictors and, for the users' predictor, several places of each row ``(*s, k, n)`` to the rows' log densities there, the
            rows that belong with each at ``predictors``; None where that is not known.
        places: of what was summed out, at most: how many times as much work a row's density is.
    """

    shared: tuple[int, ...]
    held: Callable[[Any], Float[Tensor, " n"]]
    apart: Callable[[Sequence[Tensor], Float[Tensor, "*s k n"]], Float[Tensor, "*s k n"]] | None = None
    places: int = 1


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
        curved: blocks whose coefficients are no affine function of unconstrained latents; None where any may be such.
        tied: says how some rows' densities depend on other rows' predictors, too; None where none does.
    """

    designs: list[Float[Tensor, "n p"]]
    coefficients: Callable[[Mapping[str, Tensor]], list[Tensor]]
    density: Callable[[Any], Float[Tensor, " n"]]
    user: Int[Tensor, " n"] | None = None
    user_predictor: int = 0
    predictor: tuple[int, ...] = ()
    curved: tuple[int, ...] | None = None
    tied: Tied | None = None

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

    def derivatives(self, predictors: Float[Tensor, "q n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "q n"], Float[Tensor, "q q n"]]:
        """The rows' log densities, and of *minus* these the first and second derivatives in their predictors.

        Where rows are tied a second derivative stands for those of all rows that belong together: exact where one of its two predictors has
        columns that these rows share; between others, what a row says by itself.
        """
        density, first, second = _derivatives(self.density, predictors)
        if self.tied is not None:
            own, shared = _derivatives(self.tied.held, predictors)[2], self.tied.shared
            for a in range(len(second)):
                for b in range(a, len(second)):
                    first_of = next((q for q in shared if q in (a, b)), None)
                    whole = own[a, b] if first_of is None else second[first_of, a + b - first_of]
                    second[a, b] = second[b, a] = whole.clone()
        return density, first, second

    def curvature(
        self, predictors: Float[Tensor, "q n"], users: int, rows: int | None = None
    ) -> tuple[Float[Tensor, " P"], Float[Tensor, " u"], Float[Tensor, "u P"], Float[Tensor, "P P"]]:
        """Derivatives of ``−Σ log density`` in the coefficients: gradient, then the Hessian in arrow form (users first).

        The Hessian is ``Xᵀ W X`` with the rows' own second derivatives ``W (q, q)``: matrix products instead of one backward pass a
        coefficient.

        Args:
            predictors: of all rows.
            users: how many entries the exchangeable site has; 0 without one.
            rows: how many of the first rows represent all where two wide blocks of columns meet, in low precision: the one part whose cost is
                quadratic in them. None takes all, as precise as the rest. (Narrow blocks hold intercepts and effects, which users' own
                effects all but replace: what is left of their curvature is a small difference.)
        """
        _, first, second = self.derivatives(predictors)
        eta, places = predictors, self.places
        gradient = torch.cat([x.T @ first[q] for x, q in zip(self.designs, places, strict=True)])
        blocks: list[list[Tensor]] = []
        for a in range(len(places)):  # symmetric: what stands below the diagonal is there already
            above = [self._meeting(a, b, second[places[a]][places[b]], rows) for b in range(a, len(places))]
            blocks.append([*(row[a].T for row in blocks), *above])
        dense = torch.cat([torch.cat(row, 1) for row in blocks])
        diagonal, coupling = eta.new_zeros(users), eta.new_zeros(users, dense.shape[1])
        if self.user is not None and users:
            weights = second[self.user_predictor]
            diagonal.index_add_(0, self.user, weights[self.user_predictor])
            coupling = torch.cat([self._by_user(weights[q], users) @ x for x, q in zip(self.designs, places, strict=True)], 1)
        return gradient, diagonal, coupling, dense

    def _meeting(self, a: int, b: int, weights: Float[Tensor, " n"], rows: int | None) -> Float[Tensor, "p q"]:
        """``X_aᵀ diag(weights) X_b``."""
        x, y, n = self.designs[a], self.designs[b], len(weights)
        if rows is None or x.shape[1] * y.shape[1] < _WIDE:
            return ((weights[:, None] * y).T @ x).T if x.shape[1] > y.shape[1] else (weights[:, None] * x).T @ y
        looked = min(rows, n)
        left = self._short(a, looked)
        right = left if a == b else self._short(b, looked)
        scale = weights[:looked, None].to(left.dtype)
        found = x.new_zeros(x.shape[1], y.shape[1], dtype=torch.float32)
        for some, of_these, others in zip(left.split(_SLICE), scale.split(_SLICE), right.split(_SLICE), strict=True):
            found += (some * of_these).T @ others
        return found.to(x.dtype) * (n / looked)

    def _short(self, block: int, rows: int) -> Float[Tensor, "n p"]:
        """The first rows of a block in the precision that the processor multiplies fastest."""
        if (block, rows) not in self._shortened:
            design = self.designs[block][:rows]
            short = design.device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
            self._shortened[block, rows] = design.to(torch.bfloat16 if short else torch.float32)
        return self._shortened[block, rows]

    @cached_property
    def _shortened(self) -> dict[tuple[int, int], Tensor]:
        return {}

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


def _derivatives(density: Callable[[Tensor], Tensor], predictors: Float[Tensor, "q n"]) -> tuple[Tensor, Tensor, Tensor]:
    eta = predictors.detach().requires_grad_()
    value = density(eta)
    first = torch.autograd.grad(-value.sum(), eta, create_graph=True)[0]
    second = torch.stack([torch.autograd.grad(row.sum(), eta, retain_graph=True)[0] for row in first])
    return value.detach(), first.detach(), second
