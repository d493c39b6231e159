"""How probable each draw of a guide is, under the posterior and under the guide itself.

Their ratio says how good the guide is: Pareto-smoothed importance sampling (Vehtari et al. 2015, arXiv 1507.02646; Yao et al. 2018,
arXiv 1802.02538) needs nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.coordinates.sites import global_latents, in_rows
from probrm.data.batch import Batch
from probrm.guides import Guide, Layout, WhitenedGuide
from probrm.guides.families import Point
from probrm.inference.laplace.potential import Potential, potential_of
from probrm.linear import LinearForm
from probrm.model import RewardModel
from probrm.progress import Progress, silent

_DRAWS, _ROWS = 100, 20_000
"""Draws and rows at a time: what a processor's cache holds; more takes twice as long."""


@torch.no_grad()
def draws_and_density(guide: Guide, layout: Layout, batch: Batch, count: int) -> tuple[Float[Tensor, "s D"], Float[Tensor, " s"] | None]:
    """Draws of the global latents in unconstrained coordinates, and ``log q`` there; None of a guide that is a point.

    Args:
        guide: probrm's own, or any callable with the model's signature, which is run ``count`` times.
        layout: of the model's global latents.
        batch: rows; a guide sees the first of them.
        count: how many draws.
    """
    if isinstance(guide, WhitenedGuide):
        density = guide.family()
        epsilon = density.sample((count,))
        z = guide.coordinates(epsilon)
        return z, None if isinstance(guide.family, Point) else density.log_prob(epsilon) - guide.coordinates.log_det(z)
    drawn, densities = [], []
    for _ in range(count):
        trace = poutine.trace(guide).get_trace(batch.slice(0, 1).widened())
        latents = global_latents(trace)
        drawn.append({name: site["value"] for name, site in latents.items()})
        densities.append(_density(trace, latents))
    z = layout.unconstrain({name: torch.stack([one[name] for one in drawn]) for name in drawn[0]})
    log_q = torch.stack(densities)
    if not bool(torch.isfinite(log_q).all()) or bool((z[:1] == z).all(0).any()):
        return z, None  # a point for any latent: its density is none
    return z, log_q + torch.stack(list(layout.log_jacobians(z).values())).sum(0)


def _density(trace: Any, latents: dict[str, Any]) -> Tensor:
    """``log q`` of constrained values: of the sites themselves and of helpers that they are made from, not of the rows' latents."""
    helpers = {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and (site["infer"] or {}).get("is_auxiliary") and not in_rows(site)
    }
    return torch.stack([site["fn"].log_prob(site["value"]).sum() for site in (latents | helpers).values()]).sum()


@torch.no_grad()
def log_joint(
    model: RewardModel, layout: Layout, data: Batch, z: Float[Tensor, "s D"], *, progress: Progress = silent
) -> Float[Tensor, " s"]:
    """``log p(data, z)`` of each draw in unconstrained coordinates, row-local latents summed out, added up in float64.

    Args:
        model: any; with linear predictors all draws share each matrix product.
        layout: of its global latents.
        data: all rows.
        z: the draws.
        progress: shows them.
    """
    whole, z = potential_of(model, layout, data), z.to(torch.float64)
    parts = [whole.batch.slice(start, start + _ROWS) for start in range(0, len(data), _ROWS)]
    forms = [whole.model.linear_form(Batch(rows.columns, len(rows) * data.scale, data.limits)) for rows in parts]  # type: ignore[arg-type]
    found = []
    with progress.task("Densities of the draws", len(z)) as advance, pyro.validation_enabled(False):
        for chunk in z.split(_DRAWS):
            density = [-whole(one) for one in chunk] if None in forms else [_densities(whole, layout, forms, chunk)]  # type: ignore[arg-type]
            found.append(torch.stack(density).reshape(-1))
            advance(len(chunk))
    return torch.cat(found)


def _densities(whole: Potential, layout: Layout, forms: Sequence[LinearForm], z: Float[Tensor, "s D"]) -> Float[Tensor, " s"]:
    """Of some draws: the predictors of each slice of rows are one matrix product."""
    density = -torch.vmap(whole.prior)(z)
    thetas = torch.vmap(lambda one: forms[0].coefficients(layout.constrain(one)))(z)
    for form in forms:
        predictors = form.summed([theta.to(design.dtype) @ design.T for design, theta in zip(form.designs, thetas, strict=True)])
        if form.user is not None and layout.exchangeable:
            effects = layout.constrain(z)[layout.sites[0].name]
            predictors[form.user_predictor] = predictors[form.user_predictor] + effects.to(predictors[0].dtype).index_select(-1, form.user)
        density = density + torch.vmap(form.density, in_dims=1)(torch.stack(predictors)).sum(-1, dtype=torch.float64)
    return density
