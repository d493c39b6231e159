"""Parts of coordinates that are put together: the linear one inside, and the marginal of all but the leading latents."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch

from probrm.coordinates.path_following import PathFollowing
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.whitening import Whitening

Coordinates = Whitening | ScaleAdaptive | PathFollowing
_Same = TypeVar("_Same", Whitening, ScaleAdaptive, PathFollowing)


def linear_of(coordinates: Coordinates) -> Whitening:
    """The linear part; a path is followed, and widths follow scales, around it."""
    base = coordinates.base if isinstance(coordinates, PathFollowing) else coordinates
    return base.whitening if isinstance(base, ScaleAdaptive) else base


def without_exchangeable(coordinates: _Same) -> _Same:
    """The marginal of the other latents: those of the leading block are independent given these, so that it is left out."""
    found = copy.deepcopy(coordinates)
    linear = linear_of(found)
    users = len(linear.spread)
    linear.loc, linear.spread, linear.shear = linear.loc[users:].clone(), linear.spread[:0].clone(), linear.shear[:0].clone()
    base = found.base if isinstance(found, PathFollowing) else found
    if isinstance(base, ScaleAdaptive):
        base.scales, base.exponents = base.scales - users, base.exponents[users:].clone()
    if isinstance(found, PathFollowing):
        found.index -= users
        found.path.coefficients = found.path.coefficients[..., users:].clone()
    return found


def recast(coordinates: Coordinates, index: int, before: Any, after: Any) -> None:
    """Puts one latent into another unconstrained form, in place: its centre exactly, everything around it linearised; no widths follow it any more.

    Args:
        coordinates: around a centre.
        index: of the latent.
        before: the transform to its support that it had.
        after: the transform that it gets.
    """
    base = coordinates.base if isinstance(coordinates, PathFollowing) else coordinates
    linear, at = linear_of(coordinates), index - (isinstance(coordinates, PathFollowing) and index > coordinates.index)
    old = linear.loc[at]
    value = before(old)
    new = after.inv(value)
    slope = (before.log_abs_det_jacobian(old, value) - after.log_abs_det_jacobian(new, value)).exp()
    place = torch.arange(len(linear.loc), device=linear.loc.device) == at
    linear.loc = torch.where(place, new, linear.loc)
    linear.factor = torch.where(place[len(linear.spread) :, None], slope * linear.factor, linear.factor)
    if isinstance(coordinates, PathFollowing):
        coordinates.path.coefficients = torch.where(place, slope * coordinates.path.coefficients, coordinates.path.coefficients)
    if isinstance(base, ScaleAdaptive):
        kept = base.scales != at
        base.scales, base.exponents = base.scales[kept], base.exponents[:, kept]
