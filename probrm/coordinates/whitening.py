"""Coordinates in which the posterior is close to a standard normal.

A guide that starts cold over a last layer of a hundred weights is several times too narrow after a thousand steps. In
coordinates whitened by the curvature at the mode every family starts at the Laplace solution and has only its error
left to learn; correlations between weights are carried by the fixed map, so even a diagonal family has them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Whitening(nn.Module):
    """``z = loc + P^{-T} ε`` where ``P Pᵀ`` is the arrow-shaped precision ``[[diag(d), B], [Bᵀ, A]]``.

    With the exchangeable block (``U`` entries) first, the precision's Cholesky factor has no fill-in: the map costs
    ``U·G + G²`` however many users there are, for ``G`` other coordinates.

    Args:
        loc: centre, ``(U + G,)``.
        diagonal: ``d``, positive, ``(U,)``.
        coupling: ``B``, ``(U, G)``.
        dense: ``A``, symmetric; its Schur complement ``A − Bᵀ diag(d)⁻¹ B`` is positive definite, ``(G, G)``.

    Raises:
        torch.linalg.LinAlgError: the precision is not positive definite.
    """

    loc: Tensor
    spread: Tensor
    shear: Tensor
    factor: Tensor

    def __init__(
        self, loc: Float[Tensor, " D"], diagonal: Float[Tensor, " U"], coupling: Float[Tensor, "U G"], dense: Float[Tensor, "G G"]
    ) -> None:
        super().__init__()
        if bool((diagonal <= 0).any()):
            raise torch.linalg.LinAlgError("the exchangeable block of the precision has an entry that is not positive")  # pyright: ignore[reportPrivateImportUsage]
        shear = coupling / diagonal[:, None]
        lower = torch.linalg.cholesky(dense - coupling.T @ shear)
        self.register_buffer("loc", loc)
        self.register_buffer("spread", diagonal.rsqrt())
        self.register_buffer("shear", shear)
        self.register_buffer("factor", upper_factor(lower))

    @classmethod
    def diagonal(cls, loc: Float[Tensor, " D"], scale: Float[Tensor, " D"], exchangeable: int = 0) -> Whitening:
        """Independent coordinates: where nothing is known of the curvature."""
        precision = scale**-2
        coupling = loc.new_zeros(exchangeable, len(loc) - exchangeable)
        return cls(loc, precision[:exchangeable], coupling, torch.diag(precision[exchangeable:]))

    @property
    def log_abs_det(self) -> Tensor:
        """``log |dz / dε|``, a constant."""
        return self.spread.log().sum() + self.factor.diagonal().log().sum()

    def log_det(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        """The same wherever the map arrives."""
        return self.log_abs_det.expand(z.shape[:-1])

    def forward(self, epsilon: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From whitened to unconstrained coordinates."""
        users = len(self.spread)
        rest = epsilon[..., users:] @ self.factor.T
        block = epsilon[..., :users] * self.spread - rest @ self.shear.T
        return self.loc + torch.cat([block, rest], -1)

    def inverse(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From unconstrained to whitened coordinates."""
        users = len(self.spread)
        x = z - self.loc
        rest = torch.linalg.solve_triangular(self.factor, x[..., users:].unsqueeze(-1), upper=True).squeeze(-1)
        block = (x[..., :users] + x[..., users:] @ self.shear.T) / self.spread
        return torch.cat([block, rest], -1)

    def transpose(self, gradient: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """A gradient in unconstrained coordinates, seen in whitened ones: the transposed map, without ``loc``."""
        users = len(self.spread)
        block = gradient[..., :users] * self.spread
        rest = (gradient[..., users:] - gradient[..., :users] @ self.shear) @ self.factor
        return torch.cat([block, rest], -1)

    def dense_precision(self, inside: Float[Tensor, "G G"] | None = None) -> Float[Tensor, "G G"]:
        """Precision of the coordinates behind the exchangeable block, that block summed out: ``F⁻ᵀ inside F⁻¹``, by default with the identity inside."""
        inverse = torch.linalg.solve_triangular(self.factor, torch.eye(len(self.factor)).to(self.factor), upper=True)
        return inverse.T @ (inverse if inside is None else inside @ inverse)

    def variance(self) -> Float[Tensor, " D"]:
        """The diagonal of the covariance."""
        rest = self.factor.square().sum(-1)
        block = self.spread.square() + (self.shear @ self.factor).square().sum(-1)
        return torch.cat([block, rest])


def upper_factor(lower: Float[Tensor, "g g"]) -> Float[Tensor, "g g"]:
    """``L^{-T}`` of a precision's Cholesky factor: times its transpose the covariance."""
    return torch.linalg.solve_triangular(lower.T, torch.eye(len(lower)).to(lower), upper=True)
