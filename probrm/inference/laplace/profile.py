"""The evidence as a function of one latent, and where the others' modes go as it moves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.coordinates.path_following import PathFollowing, Spline
from probrm.coordinates.sites import trace_globals
from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.potential import Arrow
from probrm.linear import LinearForm
from probrm.model import RewardModel, Values
from probrm.progress import Progress, silent

_SWING = 2.0
"""Nats by which a curve between two knots may leave the line between them, where that is flat."""
_ROUNDS = 6
"""Of the EM algorithm over the scales at a knot, from where its neighbour left them; far out it would go on to no end."""
_NEAR = 0.2
"""Distance from the end within which a knot is put there."""
_EXACT, _STILL = 1e-4, 0.3
"""Nats within which a mode on the way is found, and over which its curvature counts as the same."""


class Conditioned(RewardModel):
    """A model with some of its global latents held fixed.

    Args:
        model: the model.
        values: by site name.
    """

    kind = "given"

    def __init__(self, model: RewardModel, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model, self.values = model, dict(values)

    def forward(self, batch: Batch) -> None:
        """The process, those sites observed."""
        poutine.condition(self.model, data=self.values)(batch)

    def reward(self, values: Values, batch: Batch) -> Tensor:
        """Of one draw."""
        return self.model.reward({**self.values, **values}, batch)

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        """Of one draw."""
        return self.model.log_likelihood({**self.values, **values}, batch)

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The model's own."""
        form = self.model.linear_form(batch)
        return form and replace(form, coefficients=lambda values: form.coefficients({**self.values, **values}))

    @property
    def linear(self) -> bool:
        """The model's own."""
        return self.model.linear

    @property
    def exchangeable(self) -> str | None:
        """The model's own."""
        return self.model.exchangeable

    @contextmanager
    def marginalised(self) -> Iterator[None]:
        """The model's own."""
        with self.model.marginalised():
            yield


@dataclass(frozen=True)
class Profile:
    """The evidence along one scalar latent.

    Attributes:
        index: of the latent in the flat vector.
        knots: its unconstrained values, ascending, ``(k,)``.
        evidence: ``log p(data | latent)`` by Laplace's approximation over the others, the latent's own prior left out, ``(k,)``.
        path: modes of all latents there, ``(k, D)``.
        other: the same for other data, where it was asked for.
    """

    index: int
    knots: Float[Tensor, " k"]
    evidence: Float[Tensor, " k"]
    path: Float[Tensor, "k D"]
    other: Profile | None = None

    def curve(self, at: Float[Tensor, " g"]) -> Float[Tensor, " g"]:
        """The evidence between the knots, and beyond them: on the CPU.

        A cubic spline; where the scales of the priors settle otherwise at one knot than at the next it would swing far beyond both, and
        local cubics (Akima 1970, modified) take its place. Outwards it goes on as at the end, but never up.
        """
        from scipy.interpolate import Akima1DInterpolator, CubicSpline  # a quarter of a second, for those who profile

        knots, evidence = self.knots.double().cpu().numpy(), self.evidence.double().cpu().numpy()
        curve: Any = CubicSpline(knots, evidence, bc_type="natural")
        between = np.linspace(knots[:-1], knots[1:], 9).ravel()
        rise = np.abs(np.tile(np.diff(evidence), 9))
        if (np.abs(curve(between) - np.interp(between, knots, evidence)) > np.maximum(_SWING, rise / 2)).any():
            curve = Akima1DInterpolator(knots, evidence, method="makima")
        low, high = np.maximum(curve(knots[0], 1), 0.0), np.minimum(curve(knots[-1], 1), 0.0)
        x = at.double().cpu().numpy()
        inside = curve(np.clip(x, knots[0], knots[-1]))
        return torch.from_numpy(inside + low * np.minimum(x - knots[0], 0.0) + high * np.maximum(x - knots[-1], 0.0))


def ridge(model: RewardModel, batch: Batch, layout: Layout, site: str, along: Profile, mean: float, sd: float) -> PathFollowing:
    """Coordinates that follow the path: the latent normal with this mean and deviation, the others as they are given its mean.

    Args:
        model: linear heads.
        batch: the rows.
        layout: of the model's global latents.
        site: the latent that was profiled.
        along: its profile.
        mean: of the latent, unconstrained.
        sd: its deviation.
    """
    place = next(s for s in layout.sites if s.name == site)
    rest = torch.arange(layout.size, device=along.path.device) != along.index
    path = along.path[:, rest]
    given = Conditioned(model, {site: place.transform(along.knots.new_tensor(mean))})
    at = Spline(along.knots, path).to(path.device)(along.knots.new_tensor(mean))
    base = newton_laplace(given, batch, Layout.of(given, batch), at=at).coordinates
    return PathFollowing(base, along.index, mean, sd, along.knots, path)


def profile(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    site: str,
    at: Float[Tensor, " D"],
    *,
    low: float,
    high: float,
    flat: tuple[float, float] | None = None,
    step: float = 0.5,
    drop: float = 12.0,
    other: Batch | None = None,
    progress: Progress = silent,
) -> Profile:
    """Newton–Laplace at a few values of a scalar latent: from a mode outwards, until the evidence has fallen or an end is reached.

    Args:
        model: linear heads.
        batch: the rows.
        layout: of the model's global latents.
        site: the latent.
        at: a mode, unconstrained.
        low: smallest unconstrained value of the latent to be looked at.
        high: largest.
        flat: a range within which the evidence counts for nothing, so that a fall of it within the range ends nothing.
        step: between the first values; it grows by half from one to the next.
        drop: nats below the evidence at ``at`` (outside ``flat``: below that at its end) at which the walk ends.
        other: much the same data, which is profiled at the same values, from the modes found there; values where it has none are left out.
        progress: shows the values.

    Raises:
        TrainingError: no mode but the first was found.
    """
    nodes = _Nodes(model, layout, site, at.device)
    centre = float(at[nodes.index])
    edges = flat or (centre, centre)
    found: dict[float, _Node] = {}
    others: dict[float, _Node] = {}
    begun: Arrow | None = None
    with progress.task("Profile", 16) as advance:
        for sign, end, edge in ((1, high, max(centre, edges[1])), (-1, low, min(centre, edges[0]))):
            value, width, reference, rows = centre, step, -math.inf, begun
            passed: list[tuple[float, Tensor]] = []
            while True:
                if value not in found:
                    advance(1)
                    try:
                        found[value], rows = nodes(batch, value, _ahead(passed, value) if passed else at[nodes.rest], rows)
                    except TrainingError:
                        break
                    if other is not None:
                        with suppress(TrainingError):
                            others[value], _ = nodes(other, value, found[value][1], rows)
                begun = rows if begun is None else begun
                evidence, here = found[value]
                passed.append((value, here))
                beyond = (value - edge) * sign > 0
                reference = reference if beyond else max(reference, evidence) if flat is None else evidence
                if (beyond and evidence < reference - drop) or (end - value) * sign <= 0:
                    break
                value = sign * min(sign * (value + sign * width), sign * end)
                if (end - value) * sign < _NEAR:  # no two knots next to each other, whose difference is their error
                    value = end
                width *= 1.5
    return replace(nodes.along(found, at), other=None if other is None else nodes.along(others, at))


_Node = tuple[float, Tensor]
"""At one value of the latent: the evidence, and the mode of the others."""


class _Nodes:
    """Newton–Laplace over the others at values of one latent."""

    def __init__(self, model: RewardModel, layout: Layout, site: str, device: torch.device) -> None:
        self.model, self.site = model, site
        self.place = next(s for s in layout.sites if s.name == site)
        self.index = self.place.flat.start
        self.rest = torch.arange(layout.size, device=device) != self.index

    def __call__(self, batch: Batch, value: float, at: Tensor, rows: Arrow | None) -> tuple[_Node, Arrow | None]:
        """At one value, from a place and a curvature nearby; with the curvature there.

        Raises:
            TrainingError: no mode was found.
        """
        fixed = self.place.transform(at.new_tensor(value))
        given = Conditioned(self.model, {self.site: fixed})
        layout = Layout.of(given, batch)
        laplace = newton_laplace(given, batch, layout, at=at, rows=rows, max_rounds=_ROUNDS, exact=_EXACT, still=_STILL, sketch=True)
        node = trace_globals(given, batch.slice(0, 1)).nodes[self.site]
        mode = laplace.coordinates.loc
        evidence = -laplace.potential - float(node["fn"].log_prob(fixed)) + float(laplace.coordinates.log_det(mode))
        return (evidence, mode), laplace.rows

    def along(self, found: Mapping[float, _Node], at: Tensor) -> Profile:
        """The nodes as a profile.

        Raises:
            TrainingError: there are fewer than two.
        """
        if len(found) < 2:
            raise TrainingError(f"the profile over {self.site} found no mode but the first", fix="give the weights a tighter prior")
        knots = sorted(found)
        path = at.repeat(len(knots), 1)
        path[:, self.index] = at.new_tensor(knots)
        path[:, self.rest] = torch.stack([found[value][1] for value in knots])
        return Profile(self.index, path[:, self.index].clone(), at.new_tensor([found[value][0] for value in knots]), path)


def _ahead(passed: Sequence[tuple[float, Tensor]], value: float) -> Tensor:
    """Where the next mode is likely to be: at the last one, or on the line through the last two."""
    if len(passed) < 2:
        return passed[-1][1]
    (first, before), (last, now) = passed[-2:]
    return now + (now - before) * ((value - last) / (last - first))
