"""Logistic regression with soft targets by a quadratic bound: cheap steps of which none can overshoot."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


class BoundedLogistic:
    """Minimises ``Σ weight · CE(target, σ(xθ + α_user)) + ½ Σ penalty θ² + ½ user_penalty Σ α²``.

    The curvature of a cross-entropy is at most 1/4, so a Newton step with that bound in its place always lowers the objective
    (Böhning & Lindsay: Monotonicity of Quadratic-Approximation Algorithms, 1988), and its matrix is factored once for all steps. Users
    are a block of their own whose matrix is diagonal, so there may be many of them.

    Args:
        x: design, ``(n, q)``.
        penalty: precision of each of its coefficients, ``(q,)``, positive.
        weight: largest weight that a row will have, ``(n,)``.
        user: index of each row's user; ``users`` and above count as nobody.
        users: how many there are; 0 for no such effect.
        user_penalty: precision of their effects.
    """

    def __init__(
        self,
        x: Float[Tensor, "n q"],
        penalty: Float[Tensor, " q"],
        weight: Float[Tensor, " n"],
        user: Int[Tensor, " n"] | None = None,
        users: int = 0,
        user_penalty: float = 1.0,
    ) -> None:
        self.x, self.penalty, self.users, self.user_penalty = x, penalty, users, user_penalty
        self.user = torch.zeros(len(x), dtype=torch.long) if user is None else user.clamp(max=users)
        bound = weight / 4
        dense = x.T @ (bound[:, None] * x) + torch.diag(penalty)
        if users:
            self.diagonal = self._by_user(bound) + user_penalty
            self.coupling = torch.zeros(users + 1, x.shape[1], dtype=x.dtype).index_add_(0, self.user, bound[:, None] * x)[:users]
            dense = dense - self.coupling.T @ (self.coupling / self.diagonal[:, None])
        self.factor = torch.linalg.cholesky(dense)

    def _by_user(self, values: Float[Tensor, " n"]) -> Float[Tensor, " u"]:
        return torch.zeros(self.users + 1, dtype=values.dtype).index_add_(0, self.user, values)[: self.users]

    def logit(self, theta: Float[Tensor, " q"], activity: Float[Tensor, " u"]) -> Float[Tensor, " n"]:
        """``xθ + α_user``."""
        logit = self.x @ theta
        return logit + torch.cat([activity, activity.new_zeros(1)])[self.user] if self.users else logit

    def penalised(self, theta: Float[Tensor, " q"], activity: Float[Tensor, " u"]) -> float:
        """The penalties alone."""
        return float(0.5 * (self.penalty * theta**2).sum() + 0.5 * self.user_penalty * (activity**2).sum())

    def step(
        self, theta: Float[Tensor, " q"], activity: Float[Tensor, " u"], target: Float[Tensor, " n"], weight: Float[Tensor, " n"]
    ) -> tuple[Float[Tensor, " q"], Float[Tensor, " u"]]:
        """One step; ``weight`` must not be above the bound's."""
        residual = weight * (torch.sigmoid(self.logit(theta, activity)) - target)
        slope = self.x.T @ residual + self.penalty * theta
        if not self.users:
            return theta - torch.cholesky_solve(slope[:, None], self.factor)[:, 0], activity
        own = self._by_user(residual) + self.user_penalty * activity
        change = torch.cholesky_solve((slope - self.coupling.T @ (own / self.diagonal))[:, None], self.factor)[:, 0]
        return theta - change, activity - (own - self.coupling @ change) / self.diagonal
