"""Which latents a guide is over: all of them, or all but the users' effects."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.coordinates.parts import linear_of, recast, without_exchangeable
from probrm.coordinates.sites import trace_globals
from probrm.data.batch import Batch
from probrm.inference.densities import log_joint
from probrm.inference.integrated.draws import given_draws
from probrm.inference.integrated.mode import recentre
from probrm.inference.integrated.nodes import COUNT, Nodes
from probrm.inference.integrated.process import Integrated, SetAside
from probrm.inference.laplace.one_scale import given_scale
from probrm.model import RewardModel
from probrm.progress import Progress, silent

_MOST = 600_000
"""Rows × nodes up to which users are summed out: beyond, a step would take a tenth of a second and users have many rows as a rule."""
_MOST_TIED = 3_000_000
"""The same for rows that are tied, times what was summed out of them."""


@dataclass(frozen=True)
class Frame:
    """A model around a mode, as guides see it.

    Attributes:
        model: the process, perhaps without its users.
        layout: of the latents that are left.
        coordinates: around their mode.
        whole: the layout of all latents.
    """

    model: RewardModel
    layout: Layout
    coordinates: Any
    whole: Layout

    @property
    def integrated(self) -> bool:
        """Whether the users' effects are summed out."""
        return isinstance(self.model, Integrated)

    def draws(self, z: Float[Tensor, "s D"], data: Batch, *, progress: Progress = silent) -> dict[str, Tensor]:
        """Values of all sites at draws of the latents that are left."""
        return self.draws_and_density(z, data, progress=progress, density=False)[0]

    def draws_and_density(
        self, z: Float[Tensor, "s D"], data: Batch, *, density: bool = True, progress: Progress = silent
    ) -> tuple[dict[str, Tensor], Float[Tensor, " s"] | None]:
        """The same, and ``log p(data, z)`` with everything else summed out, where it is wanted."""
        values = self.layout.constrain(z)
        if not isinstance(self.model, Integrated):
            return values, log_joint(self.model, self.layout, data, z, progress=progress) if density else None
        found, effects = given_draws(self.model, self.layout, data, z, progress=progress)
        values[self.model.site] = effects
        return {site.name: values[site.name] for site in self.whole.sites}, found


def frame_of(model: RewardModel, coordinates: Any, layout: Layout, data: Batch) -> Frame:
    """The users summed out, where they can be: few rows enough, effects independent given the globals, linear predictors."""
    if not _can_integrate(model, layout, data):
        return Frame(model, layout, given_scale(model, layout, copy.deepcopy(coordinates), data), layout)
    users, linear = layout.exchangeable, linear_of(coordinates)
    scale = prior_of(model, layout, data, coordinates.loc).base_dist.scale[0]
    integrated = Integrated(model, Nodes.around(linear.loc[:users], linear.spread, scale))
    left, around = Layout.of(integrated, data), without_exchangeable(coordinates)
    for before, after in zip(layout.sites[1:], left.sites, strict=True):
        if before.transform is not after.transform and before.hyper and not after.hyper:
            recast(around, after.flat.start, before.transform, after.transform)
    recentre(integrated, left, around, data)
    return Frame(integrated, left, given_scale(integrated, left, around, data), layout)


def _can_integrate(model: RewardModel, layout: Layout, data: Batch) -> bool:
    users = layout.exchangeable
    if not users or not model.linear or not hasattr(model, "globals") or getattr(model, "form", "marginal") == "amortised":
        return False
    if data.total * COUNT > _MOST:
        return False
    form = model.linear_form(data.widened()) if len(data) == data.total else None
    if form is None or form.user is None:
        return False
    if form.tied is not None and (form.tied.apart is None or data.total * COUNT * form.tied.places > _MOST_TIED):
        return False
    prior = prior_of(model, layout, data)
    independent = getattr(prior, "reinterpreted_batch_ndims", 0) == 1 and prior.base_dist.batch_shape == (users,)
    # Scales of single users, a Horseshoe's, would have to be summed out with the effects.
    own = [site for site in layout.sites if site.hyper and site.name.startswith(f"{model.exchangeable}_")]
    return independent and hasattr(prior.base_dist, "scale") and all(site.shape == () for site in own)


def prior_of(model: RewardModel, layout: Layout, data: Batch, at: Float[Tensor, " D"] | None = None) -> Any:
    """The distribution of the users' effects given the other latents."""
    row = data.slice(0, 1).widened()
    values = {} if at is None else layout.constrain(at.to(row["weight"]))
    with SetAside(model.exchangeable or "") as aside:
        trace_globals(poutine.condition(model, data=values), row)
    return aside.prior
