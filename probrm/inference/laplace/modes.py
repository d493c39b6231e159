"""The modes of a posterior: found from several places, distinguished by the rewards they give, compared by what they say of the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout
from probrm.inference.laplace.newton import LaplaceStart, newton_laplace, walk, walked
from probrm.inference.rank_correlation import spearman
from probrm.model import RewardModel
from probrm.progress import Progress, silent

SAME = 0.9
"""Rank correlation of rewards from which on two solutions count as one mode."""
_PLAIN = 0.98
"""The same for a walk that is still on its way."""
_SPREAD = 1.5
"""Of the random places, in unconstrained units."""
_COMPARED = 50_000
"""Rows whose likelihood compares modes."""
_SEEN = 5000
"""Rows whose rewards are compared."""
LEAST_NATS, LEAST_ERRORS = 3.0, 2.5
"""A mode is worse than the best if its likelihood is lower by more than so many nats and by more than so many standard errors."""


@dataclass(frozen=True)
class Mode:
    """One solution.

    Attributes:
        laplace: the mode and its curvature.
        likelihood: log-likelihood of what was observed in each row, explicit labels left out, weighted, ``(n,)``.
        rewards: of the first rows, ``(m,)``.
        hits: how many places led here.
        agreement: Spearman correlation of its rewards with those of the mode in front.
        behind: nats by which its likelihood is lower than that of the mode in front.
        error: the standard error of ``behind``.
    """

    laplace: LaplaceStart
    likelihood: Float[Tensor, " n"]
    rewards: Float[Tensor, " m"]
    hits: int = 1
    agreement: float = 1.0
    behind: float = 0.0
    error: float = 0.0

    @property
    def loc(self) -> Float[Tensor, " D"]:
        """Its place, unconstrained."""
        return self.laplace.coordinates.loc

    @property
    def tied(self) -> bool:
        """Whether the data do not tell it from the mode in front: Vuong's comparison of non-nested models (1989)."""
        return self.behind < max(LEAST_NATS, LEAST_ERRORS * self.error)


def find_modes(
    model: RewardModel,
    data: Batch,
    layout: Layout,
    starts: int,
    *,
    progress: Progress = silent,
) -> list[Mode]:
    """Newton–Laplace from the origin, from random places and from the mirror images that the model names; one mode a ranking of the answers.

    The walks are rough and share the scales and the coordinates of the first mode; what else they find is then worked out exactly.

    Args:
        model: linear heads.
        data: the rows.
        layout: of the model's global latents.
        starts: how many places: the origin first, then random ones.
        progress: shows the places.

    Returns:
        Modes by likelihood of the data, best first.

    Raises:
        TrainingError: no place led anywhere; the first one's reason.
    """
    seen = data.slice(0, min(len(data), _COMPARED))
    origin, failures = _first(model, data, layout, starts)
    first = origin.coordinates.loc
    groups = [_Group(first, _rewards(model, layout, first, seen), origin)]
    if walked(len(data)) < len(data):  # walks see some of the rows: what they find is compared with the mode of these
        near = walk(model, data, layout, first, around=origin.coordinates, arrived=lambda z: False)
        groups[0].rewards = _rewards(model, layout, near, seen)
    hyper = layout.hyper().to(first.device)
    randoms = [_SPREAD * torch.randn(layout.size, dtype=torch.float64).to(first.device) for _ in range(starts - 1 - failures)]
    mirrors = [layout.unconstrain(values) for values in model.mirrors(layout.constrain(first), data)]
    with progress.task("Starts", starts + len(mirrors)) as advance:
        advance(1 + failures)
        for at in [*(torch.where(hyper, first, place) for place in randoms), *mirrors]:
            advance(1)
            # Most walks end where an earlier one did; they are left as soon as that is plain.
            try:
                loc = walk(
                    model,
                    data,
                    layout,
                    at,
                    around=origin.coordinates,
                    arrived=lambda z: _home(groups, _rewards(model, layout, z, seen), _PLAIN) is not None,
                )
            except TrainingError:
                continue
            rewards = _rewards(model, layout, loc, seen)
            if (home := _home(groups, rewards, SAME)) is not None:
                home.hits += 1
            else:
                groups.append(_Group(loc, rewards))
    modes = []
    for group in groups:
        try:
            exact = group.exact or newton_laplace(model, data, layout, at=group.loc, sketch=True)
        except TrainingError:  # a walk that led nowhere
            continue
        loc = exact.coordinates.loc
        modes.append(Mode(exact, _likelihood(model, layout, loc, seen), _rewards(model, layout, loc, seen), group.hits))
    if not modes:
        raise TrainingError("no start converged", fix="use more starts: --starts 8")
    return _ordered(modes, data.total / len(seen))


@dataclass
class _Group:
    """Walks that ended at one ranking of the answers."""

    loc: Tensor
    rewards: Tensor
    exact: LaplaceStart | None = None
    hits: int = 1


def _first(model: RewardModel, data: Batch, layout: Layout, starts: int) -> tuple[LaplaceStart, int]:
    """The first mode, with the scales of the priors worked out, and how many places led nowhere before it.

    Raises:
        TrainingError: all did; the first one's reason.
    """
    reason: TrainingError | None = None
    for i in range(starts):
        try:
            return newton_laplace(model, data, layout, spread=_SPREAD if i else 0.0, sketch=True), i
        except TrainingError as error:
            reason = reason or error
    raise reason or TrainingError("no start converged", fix="use more starts: --starts 8")


def _home(groups: Sequence[_Group], rewards: Tensor, alike: float) -> _Group | None:
    """The group whose ranking this is."""
    return next((group for group in groups if spearman(group.rewards, rewards) > alike), None)


def _ordered(modes: list[Mode], scale: float) -> list[Mode]:
    modes = sorted(modes, key=lambda m: -float(m.likelihood.sum()))
    front, result = modes[0], []
    for mode in modes:
        agreement = spearman(front.rewards, mode.rewards)
        same = [i for i, other in enumerate(result) if spearman(mode.rewards, other.rewards) > SAME]
        if same:  # two rough walks that ended in one place after all
            result[same[0]] = replace(result[same[0]], hits=result[same[0]].hits + mode.hits)
            continue
        gap = front.likelihood - mode.likelihood
        behind, error = scale * float(gap.sum()), scale * math.sqrt(len(gap)) * float(gap.std())
        result.append(Mode(mode.laplace, mode.likelihood, mode.rewards, mode.hits, agreement, behind, error))
    return result


@torch.no_grad()
def _rewards(model: RewardModel, layout: Layout, loc: Tensor, data: Batch) -> Tensor:
    rows = data.slice(0, min(len(data), _SEEN)).to(dtype=torch.float64)
    return model.ranking(layout.constrain(loc), rows)


@torch.no_grad()
def _likelihood(model: RewardModel, layout: Layout, loc: Tensor, data: Batch) -> Tensor:
    density = model.log_likelihood(layout.constrain(loc), data.to(dtype=torch.float64))
    return density * data["weight"] if "weight" in data else density
