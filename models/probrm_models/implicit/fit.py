"""Fitting the implicit model: its modes, the choice among them, the base rate, and the verdict."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from probrm.data.batch import Batch
from probrm.guides import GuideLike, Layout
from probrm.inference import Fitted, fit
from probrm.inference.device import isolated, resolve_device
from probrm.inference.fit import check_starts
from probrm.inference.laplace.modes import Mode, find_modes
from probrm.inference.rank_correlation import spearman
from probrm.inference.settings import FitOptions, InferenceConfig
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.progress import Progress, silent
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.base_rate_profile import actions_alone, level_coordinates
from probrm_models.implicit.identifiability.mode_selection import Choice, choose
from probrm_models.implicit.identifiability.verdict import Evidence, judge
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import build_implicit

_COMPARED, _ALIKE = 5000, 0.5
"""Rows, and the rank correlation of their rewards, by which a fit counts as having stayed at its mode."""
REFERENCE = 256
"""Rows of the log over which the base rate is a mean."""


@dataclass(frozen=True)
class ImplicitFit:
    """What a fit gives.

    Attributes:
        fitted: the mode that was named, or the first of those that could not be distinguished.
        identifiability: the verdict with its reasons, see ``judge``.
        rivals: the other modes, fitted too, where none could be named.
    """

    fitted: Fitted
    identifiability: dict[str, Any]
    rivals: list[Fitted] = field(default_factory=list)


def fit_implicit(
    data: Batch,
    shape: LogShape,
    settings: ImplicitConfig,
    *,
    held_out: np.ndarray | None = None,
    guide: GuideLike = "auto-normal",
    inference: str | InferenceConfig = "svi",
    starts: int = 3,
    seed: int = 0,
    device: str = "auto",
    facts: Mapping[str, np.ndarray] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> ImplicitFit:
    """Fits the implicit model to a log.

    Args:
        data: all rows, with the columns of ``ImplicitModel``.
        shape: of the model.
        settings: of the model; ``assume`` among them.
        held_out: positions of the rows whose actions stop the training; None for none.
        guide: as in ``probrm.fit``.
        inference: as in ``probrm.fit``.
        starts: places at which the search for modes begins.
        seed: random seed.
        device: as in ``probrm.fit``.
        facts: what else is known of the rows, by name, for the checks of the fit: ``user``, ``length``, raw covariates; ``prompt`` tells
            which content users share.
        checkpoint: as in ``probrm.fit``; used where one mode is fitted.
        progress: shows the phases.

    Raises:
        ConfigError: an assumption about something that no head sees.
        TrainingError: no start converged, or a loss that is not finite.
    """
    assumptions = Assumptions.parse(settings.assume)
    assumptions.check(shape)
    check_starts(starts)
    if assumptions.base_rate is not None:
        settings = replace(settings, priors=replace(settings.priors, base_rate=assumptions.base_rate))
    device = resolve_device(device, data.numbers)
    model = build_implicit(shape, settings, _reference(data, seed))
    choice, layout = _modes(model, data, assumptions, starts, seed, device, progress) if model.linear else (None, None)
    chosen = [] if choice is None else [choice.candidates[0]] if choice.named else choice.tied
    places = [one.mode.loc for one in chosen] or [None]
    refine = partial(level_coordinates, flatten=settings.level == "robust" and model.level_is_open(data), progress=progress)

    def fit_at(place: torch.Tensor | None, rows: Batch) -> Fitted:
        train, kept = _parts(rows, held_out)
        options: FitOptions = {
            "guide": guide,
            "inference": inference,
            "starts": starts,
            "seed": seed,
            "device": device,
            "progress": progress,
        }
        options["checkpoint"] = checkpoint if len(places) == 1 else None
        return fit(copy.deepcopy(model), train, held_out=kept, at=place, refine=refine, **options)

    fits = []
    for i, place in enumerate(places):
        fitted = fit_at(place, data)
        # Labels may pull a fit out of the mode that they have chosen, into its mirror image: there they only choose.
        if choice is not None and len(choice.tied) > 1 and _elsewhere(choice.candidates[i].mode, layout, fitted, data):
            fitted = fit_at(place, actions_alone(data))
        fits.append(fitted)
    evidence = Evidence(data, fits[0], choice, fits[0].refined, settings, assumptions, facts or {}, seed)
    return ImplicitFit(fits[0], judge(evidence), fits[1:])


def _modes(
    model: ImplicitModel, data: Batch, assumptions: Assumptions, starts: int, seed: int, device: str, progress: Progress
) -> tuple[Choice, Layout]:
    """The modes that the actions allow, and the choice among them, with the layout of their latents.

    With labels in the likelihood a tie may vanish, the wrong way round too, and nobody would be told of it: they choose among the modes.
    """
    with isolated(seed, device, data.numbers):
        model.to(device)
        rows = data.to(device=device)
        rows = rows.rows(torch.randperm(len(data), device="cpu").to(device))
        layout = Layout.of(model, rows)
        modes = find_modes(model, actions_alone(rows), layout, starts, progress=progress)
        choice = choose(model, rows, layout, modes, assumptions)
        model.cpu()
    return choice, layout


@torch.no_grad()
def _elsewhere(mode: Mode, layout: Layout | None, fitted: Fitted, data: Batch) -> bool:
    """Whether a fit ranks answers otherwise than the mode that it began at."""
    assert layout is not None
    rows = data.slice(0, min(len(data), _COMPARED))
    values = {name: value.to(rows["embedding"]) for name, value in layout.constrain(mode.loc).items()}
    some = {name: value[:100] for name, value in fitted.draws.items()}
    return spearman(fitted.model.reward(values, rows), fitted.model.reward(some, rows).mean(0)) < _ALIKE


def _reference(data: Batch, seed: int) -> Batch:
    """Rows that stand for the log, drawn by their weights."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(data["weight"].cpu().double(), min(REFERENCE, len(data)), generator=generator)
    return data.subset(drawn.to(data["weight"].device))


def _parts(data: Batch, held_out: np.ndarray | None) -> tuple[Batch, Batch | None]:
    if held_out is None or not len(held_out):
        return data, None
    outside = np.ones(len(data), dtype=bool)
    outside[held_out] = False
    return data.subset(torch.from_numpy(np.flatnonzero(outside))), data.subset(torch.from_numpy(np.asarray(held_out)))
