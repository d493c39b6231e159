"""Densities of draws of the globals with the users summed out, and users' effects drawn given each of them."""

from __future__ import annotations

import numpy as np
import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.data.batch import Batch
from probrm.inference.integrated.nodes import COUNT, hermite
from probrm.inference.integrated.process import LOG_PRIOR, LOG_WEIGHT, POINTS, Integrated
from probrm.progress import Progress, silent

_NUMBERS = 4_000_000
"""Draws × nodes × rows at a time."""
_GRID = 96
"""Places between the outermost nodes from which an effect is drawn."""


@torch.no_grad()
def given_draws(
    model: Integrated, layout: Layout, data: Batch, z: Float[Tensor, "s D"], *, progress: Progress = silent
) -> tuple[Float[Tensor, " s"], Float[Tensor, "s u"]]:
    """``log p(data, z)`` of each draw with the users summed out, and a draw of the users' effects given it.

    Args:
        model: without its users.
        layout: of its global latents.
        data: all rows.
        z: draws, unconstrained.
        progress: shows them.
    """
    form, grid = model.form_of(data), _Grid(z.float())
    work = len(data) * len(grid.x) * (form.tied.places if form.tied else 1)
    size = max(1, _NUMBERS // work)

    def parts(one: Tensor) -> tuple[Tensor, ...]:
        values = layout.constrain(one)
        with poutine.trace() as tracer, poutine.condition(data=values):  # type: ignore[call-overload]
            given = model.globals()
        prior = tracer.trace.log_prob_sum() + torch.stack(list(layout.log_jacobians(one).values())).sum()
        return prior, given[POINTS], given[LOG_WEIGHT], given[LOG_PRIOR], *form.coefficients(given)

    densities, effects = [], []
    with progress.task("Densities of the draws", len(z)) as advance, pyro.validation_enabled(False):
        for chunk in z.float().split(size):
            prior, points, log_weight, log_prior, *thetas = torch.vmap(parts)(chunk)
            predictors = form.summed([theta.to(design.dtype) @ design.T for design, theta in zip(form.designs, thetas, strict=True)])
            log_density = model.of_users(form, predictors, points) + log_prior
            densities.append(prior.double() + torch.logsumexp(log_density + log_weight, -2).sum(-1, dtype=torch.float64))
            effects.append(grid.draw(log_density, points))
            advance(len(chunk))
    return torch.cat(densities), torch.cat(effects)


class _Grid:
    """Draws from densities that are known at the nodes: a spline of what they differ by from a normal, then the inverse of its sum.

    Args:
        like: a tensor of the precision and device wanted.
    """

    def __init__(self, like: Tensor) -> None:
        from scipy.interpolate import CubicSpline

        self.x, _ = hermite(like)
        nodes, _ = np.polynomial.hermite.hermgauss(COUNT)
        places = np.linspace(nodes[0], nodes[-1], _GRID)
        spline = CubicSpline(nodes, np.eye(COUNT), bc_type="natural")
        self.places, self.spline = (torch.from_numpy(part).to(like) for part in (places, spline(places)))
        self.step = float(places[1] - places[0])

    def draw(self, log_density: Float[Tensor, "s k u"], points: Float[Tensor, "s k u"]) -> Float[Tensor, "s u"]:
        """One draw of each user's effect."""
        differs = log_density + self.x.square()[:, None]
        differs = (differs - differs.amax(-2, keepdim=True)).transpose(-1, -2).clamp_min(-1e4)
        mass = torch.softmax(differs @ self.spline.T - self.places.square(), -1).cumsum(-1)
        u = torch.rand_like(mass[..., :1])
        place = self.places[(mass < u).sum(-1).clamp_max(_GRID - 1)] + self.step * (torch.rand_like(u[..., 0]) - 0.5)
        half = len(self.x) // 2
        centre, width = points[..., half, :], (points[..., -1, :] - points[..., half, :]) / self.x[-1]
        return centre + place * width
