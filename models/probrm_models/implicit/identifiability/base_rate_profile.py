"""From a mode of the implicit model to the level of its rewards, and to coordinates that follow the base rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from probrm.coordinates.parts import linear_of
from probrm.data.batch import Batch
from probrm.guides import Layout, ScaleAdaptive, Whitening
from probrm.inference.device import own_random_stream
from probrm.inference.infer import Coordinates, Refined
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.profile import profile, ridge
from probrm.model import RewardModel
from probrm.progress import Progress, silent
from probrm_models.implicit.identifiability.base_rate import Level, LevelRange
from probrm_models.implicit.model import ImplicitModel

_DRAWS = 4001
_TAIL = 2e-3
_ROWS, _AROUND = 10_000, 64
"""Rows and draws that a range is taken from."""
_STEP, _DEVIATIONS = 0.5, 2.0
"""First step of the profile: at most so long, and at most so many deviations; a spline through wider knots misses the peak."""


def level_coordinates(
    model: RewardModel, data: Batch, layout: Layout, at: Tensor, *, flatten: bool = True, progress: Progress = silent
) -> Refined:
    """The base rate's evidence in the rows that are about to be fitted; ``fit``'s ``refine``.

    Args:
        model: an ``ImplicitModel``; it is not changed.
        data: the rows.
        layout: of the model's latents.
        at: a place near the mode, ``(D,)``.
        flatten: whether the evidence of the actions is made flat over its range.
        progress: shows the knots.

    Returns:
        The model with the evidence taken out, coordinates that follow the base rate, and its ``Level``.

    Raises:
        TrainingError: no mode, or no profile.
    """
    assert isinstance(model, ImplicitModel)
    around = newton_laplace(model, data, layout, at=at, sketch=True).coordinates
    found = level_range(model, data, layout, around)
    flat = found if flatten else None
    low, high = _ends(model, data, found)
    labelled = bool((~data["label"].isnan()).any())
    everything = profile(
        model,
        data,
        layout=layout,
        site="base_rate",
        at=around.loc,
        low=low,
        high=high,
        flat=flat and flat.logits,
        step=min(_STEP, _DEVIATIONS * _deviation(around, layout)),
        other=actions_alone(data) if labelled else None,
        progress=progress,
    )
    level = Level.of(prior_of(model), everything.other or everything, everything, flat)
    coordinates = ridge(model, data, layout, "base_rate", everything, *level.moments())
    return Refined(model.with_level(level.correction()), coordinates, level)


def _ends(model: ImplicitModel, data: Batch, found: LevelRange) -> tuple[float, float]:
    """From where the prior begins, or no propensity below 1 could explain the actions, to where the prior ends."""
    with own_random_stream(0):
        draws = torch.logit(prior_of(model).sample(torch.Size([_DRAWS])).double())
    low, high = (float(q) for q in torch.quantile(draws, draws.new_tensor([_TAIL, 1 - _TAIL])))
    if model.config.action.false_rate == 0.0 and not model.shape.actions:  # of several, some may speak against the answer
        least = float((data["action"] * data["weight"]).sum() / data["weight"].sum())
        low = max(low, math.log(least / (1 - least)))
    return min(low, found.logits[0] - 0.3), max(high, found.logits[1] + 0.3)


@torch.no_grad()
def level_range(model: ImplicitModel, data: Batch, layout: Layout, around: Coordinates) -> LevelRange:
    """The range that the log allows, from probabilities averaged over the posterior around a mode.

    At the mode itself the most extreme rows are the noisiest ones, and in a small log they reach 1 by chance.
    """
    rows = data.slice(0, min(len(data), _ROWS))
    with own_random_stream(0):
        epsilon = torch.randn(_AROUND, layout.size, dtype=around.loc.dtype).to(around.loc.device)
    draws = {name: value.to(rows["embedding"].dtype) for name, value in layout.constrain(around(epsilon)).items()}
    preference = model.reward(draws, rows).sigmoid().mean(0)
    return LevelRange.of(float(preference.mean()), preference, model.propensity(draws, rows).sigmoid().mean(0))


def actions_alone(data: Batch) -> Batch:
    """The rows without their labels."""
    return Batch({**data.columns, "label": torch.full_like(data["label"], torch.nan)}, data.total)


def _deviation(around: Whitening | ScaleAdaptive, layout: Layout) -> float:
    """Of the base rate's logit by Laplace."""
    place = next(site.flat.start for site in layout.sites if site.name == "base_rate")
    return float(linear_of(around).variance()[place].sqrt())


def prior_of(model: ImplicitModel) -> torch.distributions.Distribution:
    """The base rate's prior as a distribution of float64, on the CPU whatever the fit computes on."""
    with torch.device("cpu"), poutine.block(), poutine.trace() as tracer:
        model.base_rate()
    fn: Any = tracer.trace.nodes["base_rate"].get("fn")
    return fn.base_dist if hasattr(fn, "base_dist") and not fn.event_shape else fn
