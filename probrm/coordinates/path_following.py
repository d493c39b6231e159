"""Coordinates whose centre follows a ridge: for a latent that the data leave open and that all others lean on.

Along the base rate of a log the other latents' modes move on a bent path, far beyond what one tangent describes; a guide that knows the
tangent only has to keep to its neighbourhood, and is too sure. Here the centre of all latents is their mode *given* the one.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Spline(nn.Module):
    """A natural cubic spline on a line, straight beyond its ends; values may be vectors.

    Args:
        knots: ascending, ``(k,)``, at least two.
        values: there, ``(k, …)``.
    """

    knots: Tensor
    coefficients: Tensor

    def __init__(self, knots: Float[Tensor, " k"], values: Float[Tensor, " k *v"]) -> None:
        super().__init__()
        from scipy.interpolate import CubicSpline  # a quarter of a second, for those who need a spline

        found = CubicSpline(knots.double().cpu().numpy(), values.double().cpu().numpy(), bc_type="natural")
        self.register_buffer("knots", torch.from_numpy(found.x.copy()))
        self.register_buffer("coefficients", torch.from_numpy(found.c.copy()))  # of powers 3, 2, 1, 0: (4, k − 1, …)

    def forward(self, at: Float[Tensor, "*s"]) -> Tensor:
        """Values ``(*s, …)``."""
        knots, c = self.knots.to(at), self.coefficients.to(at)
        inside = torch.minimum(torch.maximum(at, knots[0]), knots[-1])
        piece = (torch.searchsorted(knots, inside.detach().contiguous()) - 1).clamp(0, len(knots) - 2)
        x = _wide(inside - _at(knots, piece), c)
        cubic, square, linear, constant = (_at(power, piece) for power in c)
        value = ((cubic * x + square) * x + linear) * x + constant
        width = knots[-1] - knots[-2]
        last = 3 * c[0, -1] * width**2 + 2 * c[1, -1] * width + c[2, -1]
        # One term for both ends: at an end exactly, the slopes of `inside` and of the rest add up to one.
        beyond = _wide(at - inside, c)
        return value + torch.where(_wide(at <= knots[0], c), beyond * c[2, 0], beyond * last)


def _at(table: Tensor, place: Tensor) -> Tensor:
    """``table[place]``, which asks a GPU for the number where there is one place only."""
    return table.index_select(0, place.reshape(-1)).reshape((*place.shape, *table.shape[1:]))


def _wide(x: Tensor, like: Tensor) -> Tensor:
    return x.reshape((*x.shape, *(1 for _ in like.shape[2:])))


class PathFollowing(nn.Module):
    """``z_k = mean + sd ε_k``, and ``z_rest = base(ε_rest) + path(z_k) − path(mean)``: a normal latent, and the others given it.

    Args:
        base: ``Whitening`` or ``ScaleAdaptive`` of the other latents given ``z_k = mean``, centred on their mode there.
        index: k, of the latent that is followed.
        mean: its centre, unconstrained.
        sd: its deviation.
        knots: values of ``z_k``, ascending, ``(m,)``.
        path: the modes of the other latents there, ``(m, D − 1)``.
    """

    index: int
    mean: Tensor
    sd: Tensor

    def __init__(self, base: nn.Module, index: int, mean: float, sd: float, knots: Float[Tensor, " m"], path: Float[Tensor, "m r"]) -> None:
        super().__init__()
        self.base: Any = base
        self.index = index
        self.register_buffer("mean", knots.new_tensor(mean))
        self.register_buffer("sd", knots.new_tensor(sd))
        self.path = Spline(knots, path).to(knots.device)

    @property
    def loc(self) -> Float[Tensor, " D"]:
        """The centre."""
        return self._join(self.base.loc, self.mean)

    def _join(self, rest: Float[Tensor, "*s r"], at: Float[Tensor, "*s"]) -> Float[Tensor, "*s D"]:
        return torch.cat([rest[..., : self.index], at.unsqueeze(-1), rest[..., self.index :]], -1)

    def _split(self, z: Float[Tensor, "*s D"]) -> tuple[Float[Tensor, "*s r"], Float[Tensor, "*s"]]:
        return torch.cat([z[..., : self.index], z[..., self.index + 1 :]], -1), z[..., self.index]

    def _shift(self, at: Float[Tensor, "*s"]) -> Float[Tensor, "*s r"]:
        return self.path(at) - self.path(self.mean.to(at))

    def forward(self, epsilon: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From whitened to unconstrained coordinates."""
        rest, own = self._split(epsilon)
        at = self.mean + self.sd * own
        return self._join(self.base(rest) + self._shift(at), at)

    def log_det(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        """``log |dz / dε|`` where the map arrives; a shift keeps volumes."""
        rest, at = self._split(z)
        return self.base.log_det(rest - self._shift(at)) + self.sd.log()

    def inverse(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From unconstrained to whitened coordinates."""
        rest, at = self._split(z)
        return self._join(self.base.inverse(rest - self._shift(at)), (at - self.mean) / self.sd)
