"""The mode of the globals once the users are summed out, and how wide the narrow blocks are there."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from probrm.coordinates.layout import Layout
from probrm.coordinates.path_following import PathFollowing
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.whitening import Whitening
from probrm.data.batch import Batch
from probrm.inference.integrated.process import Integrated
from probrm.inference.laplace.potential import Potential

_STEPS, _HISTORY = 40, 20
_APART = 0.5
"""Whitened units between the places that a second difference is taken from."""
_NARROW = 50
"""Entries up to which a site's widths are worked out anew: intercepts, effects, scales."""


def recentre(model: Integrated, layout: Layout, coordinates: nn.Module, data: Batch) -> Float[Tensor, " D"]:
    """Moves coordinates to the mode with the users summed out, in place; their widths there, in whitened units, ``(D,)``.

    The joint mode over users' effects and globals is not that of the globals alone: with a few actions a user it has intercept, effects and
    the users' scale too near 0 (Breslow & Lin 1995, Biometrika 82). Scales of other priors stay where their evidence has put them: jointly
    with the weights they have no mode.
    """
    base = coordinates.base if isinstance(coordinates, PathFollowing) else coordinates
    linear: Whitening = base.whitening if isinstance(base, ScaleAdaptive) else base  # type: ignore[assignment]
    potential = Potential(model, layout, data.to(dtype=torch.float64), normal=True)
    free = _free(model, layout)
    if isinstance(coordinates, PathFollowing):
        free[coordinates.index] = False  # its marginal is known
    free = free.to(linear.loc.device)
    epsilon = torch.zeros(layout.size, dtype=torch.float64, device=linear.loc.device, requires_grad=True)

    def energy(at: Tensor) -> Tensor:
        # Displacements of the held scales are undone: the whitening couples them with the rest.
        z = coordinates(at)
        return potential(torch.where(free, z, centre))

    centre = coordinates(torch.zeros_like(epsilon)).detach()
    optimiser = torch.optim.LBFGS([epsilon], max_iter=_STEPS, history_size=_HISTORY, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = energy(epsilon)
        loss.backward()
        return loss

    optimiser.step(closure)
    found = epsilon.detach()
    widths = torch.ones_like(found)
    with torch.no_grad():
        here = energy(found)
        for i in _narrow(layout, free).tolist():
            step = torch.zeros_like(found)
            step[i] = _APART
            bend = (energy(found + step) + energy(found - step) - 2 * here) / _APART**2
            widths[i] = bend.clamp(0.05, 20.0).rsqrt()
        moved = torch.where(free, coordinates(found), centre) - centre
        if isinstance(coordinates, PathFollowing):
            moved = torch.cat([moved[: coordinates.index], moved[coordinates.index + 1 :]])
        linear.loc = linear.loc + moved
    return widths


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
    return (mask & free.cpu()).nonzero()[:, 0]
