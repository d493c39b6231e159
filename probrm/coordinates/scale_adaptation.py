"""Widths that follow the scales of their priors.

Where the data say little about a weight, its posterior is as wide as its prior: it breathes with the prior's scale. A
linear map cannot follow that, and a guide that ignores it has to hold the scale fixed (with 400 such weights, to within
four per cent). Raising each weight's deviation to the power that the Laplace approximation gives removes the
dependence; it is the partial non-centring of Papaspiliopoulos, Roberts & Sköld (2007), chosen weight by weight.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from probrm.coordinates.whitening import Whitening


class ScaleAdaptive(nn.Module):
    """``z = loc + (whitening(ε) − loc) · exp(S δ)``, ``δ`` the displacement of the scales (logarithms) from their centre.

    Args:
        whitening: the linear part; its coordinates ``scales`` are independent of ``exponents``' rows for them.
        scales: where the scales stand, ``(K,)``.
        exponents: ``S``, how much each coordinate's width follows each scale, in [0, 1], zero for the scales themselves,
            ``(D, K)``.
    """

    scales: Tensor
    exponents: Tensor

    def __init__(self, whitening: Whitening, scales: Int[Tensor, " K"], exponents: Float[Tensor, "D K"]) -> None:
        super().__init__()
        self.whitening = whitening
        self.register_buffer("scales", scales)
        self.register_buffer("exponents", exponents)

    @property
    def loc(self) -> Float[Tensor, " D"]:
        """The centre."""
        return self.whitening.loc

    def _stretch(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        return (z - self.loc)[..., self.scales] @ self.exponents.T

    def forward(self, epsilon: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From whitened to unconstrained coordinates."""
        z = self.whitening(epsilon)
        return self.loc + (z - self.loc) * self._stretch(z).exp()

    def log_det(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        """``log |dz / dε|`` where the map arrives at ``z``; the scales, which it depends on, are not stretched themselves."""
        return self.whitening.log_det(z) + self._stretch(z).sum(-1)

    def inverse(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From unconstrained to whitened coordinates; the scales themselves are where they were."""
        return self.whitening.inverse(self.loc + (z - self.loc) * (-self._stretch(z)).exp())
