"""Coordinates in which weights follow the one scale of their prior exactly, in place of widths that do so by a power."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.coordinates.parts import Coordinates, linear_of
from probrm.coordinates.path_following import PathFollowing
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.scale_conditional import ScaleConditional
from probrm.data.batch import Batch
from probrm.inference.laplace.potential import Potential
from probrm.model import RewardModel

_APART = 0.1
"""Of a scale's logarithm, to see which priors depend on it, and how."""
_CLOSE = 1e-3


def given_scale(model: RewardModel, layout: Layout, coordinates: Coordinates, data: Batch) -> Coordinates | ScaleConditional:
    """The same centre and curvature, the weights given their scale; the coordinates as they are where there is not one scale, or users stand in front.

    Args:
        model: whose prior it is.
        layout: of its global latents.
        coordinates: around a mode.
        data: rows of it; none is looked at.
    """
    following = isinstance(coordinates, PathFollowing)
    base = coordinates.base if following else coordinates
    if not isinstance(base, ScaleAdaptive) or len(base.scales) != 1 or layout.exchangeable:
        return coordinates
    linear, at = linear_of(coordinates), int(base.scales[0])
    prior = _prior_precision(model, layout, coordinates.loc, int(at + (following and at >= coordinates.index)), data)
    if prior is None:
        return coordinates
    if following:
        prior = torch.cat([prior[: coordinates.index], prior[coordinates.index + 1 :]])
    rest = torch.arange(len(linear.loc), device=prior.device) != at
    exact = ScaleConditional(linear.loc, linear.dense_precision()[rest][:, rest], at, float(linear.variance()[at].sqrt()), prior[rest])
    if not following:
        return exact
    coordinates.base = exact
    return coordinates


def _prior_precision(model: RewardModel, layout: Layout, loc: Float[Tensor, " D"], scale: int, data: Batch) -> Float[Tensor, " D"] | None:
    """Precision at the centre that latents have from a normal prior with that scale; None where a prior depends on it in another way."""
    potential = Potential(model, layout, data.slice(0, 1).to(dtype=torch.float64), normal=True)
    found = []
    for step in (-_APART, 0.0, _APART):
        z = loc.double().clone()
        z[scale] += step
        diagonal, _, dense = potential.prior_curvature(z)
        found.append(torch.cat([diagonal, dense.diagonal()]).masked_fill(layout.hyper().to(z.device), 0.0))
    below, here, above = found
    # A share of each that goes with 1/s², by what it gains below; above must then say the same.
    share = (below - here) / torch.expm1(torch.tensor(2 * _APART, dtype=torch.float64))
    agrees = torch.allclose(above, here + share * torch.expm1(torch.tensor(-2 * _APART, dtype=torch.float64)), rtol=_CLOSE, atol=1e-9)
    depends = share > 1e-6 * here.abs()
    if not agrees or not bool(depends.any()) or not torch.allclose(share[depends], here[depends], rtol=_CLOSE):
        return None
    return torch.where(depends, share, torch.zeros_like(share)).to(loc)
