"""Weights given the scale of their prior, exactly as far as the likelihood is normal.

Where the data say little about a weight, its posterior is as wide as its prior, and its mode moves with it. For one scale s the precision of the
posterior is ``P + ((ŝ/s)² − 1) B``, B the prior's at ŝ: both are diagonal in one basis, whatever s is (generalised eigenvalues, as in ridge
regression). A guide over independent coordinates then has nothing left to learn of how weights and scale hang together.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from probrm.coordinates.whitening import upper_factor

_LEAST = 1.001
"""Of a precision in units of the prior's: no direction knows less than the prior."""


class ScaleConditional(nn.Module):
    """``z_s = loc_s + width ε_s``; the weights given it, and the other latents given the weights.

    ``z_w − loc_w = B^{−1/2} Q (ε_w (Λ + t)^{−1/2} − t (Λ + t)^{−1} Qᵀ B^{1/2} loc_w)`` with ``t = (ŝ/s)² − 1`` and ``Q Λ Qᵀ`` the weights'
    precision in units of the prior's; ``z_o − loc_o = L^{−T} ε_o − P_oo⁻¹ P_ow (z_w − loc_w)``.

    Args:
        loc: the centre, ``(D,)``.
        precision: of all latents but the scale, given it, ``(D − 1, D − 1)``.
        scale: where the scale's logarithm stands.
        width: its deviation.
        prior: precision that each of the other latents has from a prior with that scale at ŝ, zero for those without, ``(D − 1,)``.

    Raises:
        torch.linalg.LinAlgError: the precision is not positive definite.
    """

    loc: Tensor
    width: Tensor
    order: Tensor
    values: Tensor
    basis: Tensor
    root: Tensor
    shrunk: Tensor
    factor: Tensor
    shear: Tensor

    def __init__(
        self, loc: Float[Tensor, " D"], precision: Float[Tensor, "r r"], scale: int, width: float, prior: Float[Tensor, " r"]
    ) -> None:
        super().__init__()
        weighted = prior > 0
        rest = torch.cat([torch.arange(scale), torch.arange(scale + 1, len(loc))]).to(loc.device)
        w, o = weighted.nonzero()[:, 0], (~weighted).nonzero()[:, 0]
        self.count = len(w)
        order = torch.cat([loc.new_tensor([scale]).long(), rest[w], rest[o]])
        lower = torch.linalg.cholesky(precision[o[:, None], o])
        shear = torch.cholesky_solve(precision[o[:, None], w], lower)
        root = prior[w].sqrt()
        values, basis = torch.linalg.eigh((precision[w[:, None], w] - precision[w[:, None], o] @ shear) / (root[:, None] * root))
        self.register_buffer("loc", loc)
        self.register_buffer("width", loc.new_tensor(width))
        self.register_buffer("order", order)
        self.register_buffer("values", values.clamp_min(_LEAST))
        self.register_buffer("basis", basis)
        self.register_buffer("root", root)
        self.register_buffer("shrunk", basis.T @ (root * loc[rest[w]]))
        self.register_buffer("factor", upper_factor(lower))
        self.register_buffer("shear", shear)

    def _split(self, x: Float[Tensor, "*s D"]) -> tuple[Tensor, Tensor, Tensor]:
        x = x.index_select(-1, self.order)
        return x[..., :1], x[..., 1 : 1 + self.count], x[..., 1 + self.count :]

    def _joined(self, *parts: Tensor) -> Float[Tensor, "*s D"]:
        return torch.cat(parts, -1).index_select(-1, self._place())

    def _place(self) -> Int[Tensor, " D"]:
        return torch.argsort(self.order)

    def _known(self, displacement: Float[Tensor, "*s 1"]) -> tuple[Float[Tensor, "*s w"], Float[Tensor, "*s w"]]:
        """Precision and mean of the weights in their basis, the scale's logarithm so far from its centre."""
        more = torch.expm1(-2 * displacement)
        precision = self.values + more
        return precision, -more / precision * self.shrunk

    def forward(self, epsilon: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From whitened to unconstrained coordinates."""
        own, weights, others = self._split(epsilon)
        scale = self.width * own
        precision, mean = self._known(scale)
        moved = (weights * precision.rsqrt() + mean) @ self.basis.T / self.root
        return self.loc + self._joined(scale, moved, others @ self.factor.T - moved @ self.shear.T)

    def inverse(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From unconstrained to whitened coordinates."""
        scale, moved, others = self._split(z - self.loc)
        precision, mean = self._known(scale)
        rest = (others + moved @ self.shear.T).unsqueeze(-1)
        left = torch.linalg.solve_triangular(self.factor, rest, upper=True).squeeze(-1)
        return self._joined(scale / self.width, ((moved * self.root) @ self.basis - mean) * precision.sqrt(), left)

    def log_det(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        """``log |dz / dε|`` where the map arrives at ``z``."""
        precision, _ = self._known((z - self.loc).index_select(-1, self.order[:1]))
        fixed = self.width.log() + self.factor.diagonal().log().sum() - self.root.log().sum()
        return fixed - precision.log().sum(-1) / 2
