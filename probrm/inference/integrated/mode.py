"""The mode of the globals once the users are summed out, and the curvature of the narrow blocks there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.coordinates.parts import Coordinates, linear_of
from probrm.coordinates.path_following import PathFollowing, Spline
from probrm.coordinates.whitening import Whitening, upper_factor
from probrm.data.batch import Batch
from probrm.inference.integrated.process import Integrated
from probrm.inference.laplace.potential import Potential

_STEPS, _HISTORY = 40, 20
_APART = 0.5
"""Whitened units to each side of the mode at which gradients are compared."""
_CURVATURE = 0.05, 20.0
"""Least and largest that a direction may have there."""
_ASIDE = 1.5
"""Deviations of a latent that the coordinates follow, to each side of its middle, at which its path is looked at anew."""
_NARROW = 50
"""Entries up to which a site is whitened anew: intercepts, effects, scales."""


def recentre(model: Integrated, layout: Layout, coordinates: Coordinates, data: Batch) -> None:
    """Moves coordinates to the mode with the users summed out, in place, and whitens intercepts, effects and the users' scale by the curvature there.

    The joint mode over users' effects and globals is not that of the globals alone: with a few actions a user it has intercept, effects and
    the users' scale too near 0 (Breslow & Lin 1995, Biometrika 82). Scales of other priors stay where their evidence has put them: jointly
    with the weights they have no mode. Where the coordinates follow a latent, its path is moved at three of its values, and by the parabola
    through them in between.
    """
    linear = linear_of(coordinates)
    potential = Potential(model, layout, data.to(dtype=torch.float64), normal=True)
    free = _free(model, layout)
    if isinstance(coordinates, PathFollowing):
        free[coordinates.index] = False  # its marginal is known
    free = free.to(linear.loc.device)
    search = _Search(potential, coordinates, free, torch.zeros(layout.size, dtype=torch.float64, device=linear.loc.device))
    middle = search.mode(search.nothing)
    narrow = _narrow(layout, free)
    curvature = search.curvature(middle, narrow)
    moved = search.moved(search.nothing, middle)
    if isinstance(coordinates, PathFollowing):
        aside = torch.zeros_like(middle)
        aside[coordinates.index] = _ASIDE
        ends = [search.moved(sign * aside, search.mode(sign * aside + middle)) for sign in (-1, 1)]
        _bend(coordinates, *(_without(end - moved, coordinates.index) for end in ends))
        moved = _without(moved, coordinates.index)
    linear.loc = linear.loc + moved
    if isinstance(coordinates, PathFollowing):
        narrow = narrow - (narrow > coordinates.index).long()
    _whiten(linear, narrow, curvature)


@dataclass(frozen=True)
class _Search:
    """Modes of a potential over the free latents, in coordinates around a place near them."""

    potential: Potential
    coordinates: Coordinates
    free: Bool[Tensor, " D"]
    nothing: Float[Tensor, " D"]

    def place(self, at: Float[Tensor, " D"]) -> Float[Tensor, " D"]:
        """What the whitening moves of the held latents is undone: it couples them with the rest."""
        held = torch.where(self.free, self.nothing, at.detach())  # the path's own coordinate, and zeros
        return torch.where(self.free, self.coordinates(at), self.coordinates(held))

    def mode(self, at: Float[Tensor, " D"]) -> Float[Tensor, " D"]:
        """By L-BFGS from a place, in whitened units."""
        epsilon = torch.where(self.free, at, self.nothing).requires_grad_()
        held = torch.where(self.free, self.nothing, at)
        optimiser = torch.optim.LBFGS([epsilon], max_iter=_STEPS, history_size=_HISTORY, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.potential(self.place(torch.where(self.free, epsilon, held)))
            loss.backward()
            return loss

        optimiser.step(closure)
        return torch.where(self.free, epsilon.detach(), held)

    @torch.no_grad()
    def moved(self, before: Float[Tensor, " D"], after: Float[Tensor, " D"]) -> Float[Tensor, " D"]:
        """In unconstrained units."""
        return self.place(after) - self.place(before)

    def curvature(self, at: Float[Tensor, " D"], which: Int[Tensor, " k"]) -> Float[Tensor, "k k"]:
        """The Hessian of some latents in whitened units, by differences of gradients; directions that curve next to nothing, or too much, are held back."""
        rows = []
        for i in which.tolist():
            step = torch.zeros_like(at)
            step[i] = _APART
            rows.append((self._slope(at + step, which) - self._slope(at - step, which)) / (2 * _APART))
        if not rows:
            return at.new_zeros(0, 0)
        bend, directions = torch.linalg.eigh((torch.stack(rows) + torch.stack(rows).T) / 2)
        return directions * bend.clamp(*_CURVATURE) @ directions.T

    def _slope(self, at: Float[Tensor, " D"], which: Int[Tensor, " k"]) -> Float[Tensor, " k"]:
        epsilon = at.detach().requires_grad_()
        return torch.autograd.grad(self.potential(self.place(epsilon)), epsilon)[0][which]


def _whiten(linear: Whitening, which: Int[Tensor, " k"], curvature: Float[Tensor, "k k"]) -> None:
    """Some whitened latents get unit curvature: ``factor`` keeps its triangle, so that all of them are turned a little."""
    middle = torch.eye(len(linear.factor)).to(linear.factor)
    middle[which[:, None], which] = curvature
    linear.factor = upper_factor(torch.linalg.cholesky(linear.dense_precision(middle)))


def _bend(coordinates: PathFollowing, low: Float[Tensor, " r"], high: Float[Tensor, " r"]) -> None:
    """Moves the path by a parabola that is 0 in the middle and ``low`` and ``high`` at the places aside, beyond which it stays."""
    knots, values = coordinates.path.knots, coordinates.path(coordinates.path.knots)
    x = ((knots - coordinates.mean) / coordinates.sd / _ASIDE).clamp(-1.0, 1.0)[:, None]
    coordinates.path = Spline(knots, values + (high - low) / 2 * x + (high + low) / 2 * x.square()).to(knots.device)


def _without(x: Float[Tensor, " D"], index: int) -> Float[Tensor, " r"]:
    return torch.cat([x[:index], x[index + 1 :]])


def _free(model: Integrated, layout: Layout) -> Bool[Tensor, " D"]:
    """All latents but other priors' scales."""
    free = ~layout.hyper()
    for site in layout.sites:
        if site.name.startswith(f"{model.site}_"):
            free[site.flat] = True
    return free


def _narrow(layout: Layout, free: Bool[Tensor, " D"]) -> Tensor:
    mask = torch.zeros(layout.size, dtype=torch.bool)
    for site in layout.sites:
        mask[site.flat] = site.flat.stop - site.flat.start <= _NARROW
    return (mask.to(free.device) & free).nonzero()[:, 0]
