"""Parts of coordinates that are put together: the linear one inside, and the marginal of all but the leading latents."""

from __future__ import annotations

import copy
from typing import TypeVar

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
