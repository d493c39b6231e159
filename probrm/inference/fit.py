"""``fit``: from a model and rows to draws of the posterior."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import ConfigError, TrainingError
from probrm.guides import GuideLike, Layout
from probrm.inference.device import isolated, resolve_device
from probrm.inference.infer import Inference, Outcome, Refine, Refined, finite_draws
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.starts import Start, find_starts, pretrain_trunks
from probrm.inference.settings import SVI, InferenceConfig, inference_config
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.train import History
from probrm.model import RewardModel
from probrm.progress import Progress, silent


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes:
        model: with trained trunks, where it has any; on the CPU.
        guide: on the CPU; None for NUTS.
        draws: of every global site, ``(draws, *shape)``, float32 on the CPU.
        history: of the training that was stopped by the held-out rows.
        starts: the modes found, best first.
        held_out: log predictive density a row of the held-out rows before any refit; None without such rows.
        statistics: of the sampler.
        seconds: by phase.
        sample_stats: ``(draws,)`` by name: ``log_density`` and ``log_guide`` of a guide's draws (see ``densities``; nothing of a point),
            or what ``Chains`` has of a sampler's.
        chains: how many of equal length stand behind each other in ``draws``; more than one only for a sampler.
        refined: what ``refine`` found besides coordinates.
        ratios: ``log_density`` and ``log_guide`` of more draws of the guide than are kept, those first; what ``sample_stats`` has otherwise.
    """

    model: RewardModel
    guide: Any
    draws: dict[str, Tensor]
    history: History
    starts: list[Start]
    held_out: float | None
    statistics: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    sample_stats: Mapping[str, Tensor] = field(default_factory=dict)
    chains: int = 1
    refined: Any = None
    ratios: Mapping[str, Tensor] = field(default_factory=dict)


def fit(
    model: RewardModel,
    data: Batch,
    *,
    held_out: Batch | None = None,
    guide: GuideLike = "auto-normal",
    inference: str | InferenceConfig = "svi",
    starts: int = 3,
    at: Tensor | None = None,
    refine: Refine | None = None,
    seed: int = 0,
    device: str = "auto",
    densities: bool = True,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> Fitted:
    """Fits ``model`` to ``data``.

    With ``held_out`` rows, starts are selected by the likelihood of what was observed in them, and so is the end of whatever is trained
    from scratch: trunks, and a guide of the user's own. A guide that begins at the mode is trained until its bound no longer rises. Then,
    unless ``refit`` is off, all rows are fitted: a guide goes on from where it stood, one of the user's own is trained anew, for as long.

    Args:
        model: any ``RewardModel``; trained in place.
        data: the training rows.
        held_out: rows that share no prompt (and no user) with ``data``.
        guide: a name, a configuration, or a callable/module with the model's signature.
        inference: ``svi``, ``laplace``, ``nuts`` or a configuration.
        starts: how many places the search for the mode begins at; the first is the origin.
        at: the one place to begin at instead, unconstrained latents ``(D,)``: a mode that was chosen before.
        refine: from a place near a mode to the model and coordinates around the mode, for the last fit, in place of ``newton_laplace``.
            What the held-out rows decide before that is decided without it.
        seed: random seed; two runs with one seed on one CPU agree to the bit.
        device: ``auto``, ``cpu`` or ``cuda``.
        densities: whether ``sample_stats`` are wanted.
        checkpoint: where training states are kept and taken up again.
        progress: shows the phases.

    Raises:
        ConfigError: an unknown guide, inference or device, or a combination that cannot work.
        TrainingError: a loss that is not finite, or no start that converged.
    """
    settings, device = inference_config(inference), resolve_device(device, data.numbers)
    check_starts(starts)
    for rows in (data, held_out):
        if rows is not None:
            _check_finite(rows, model.may_be_missing)
    clock, trunks = _Clock(), None
    with isolated(seed, device, data.numbers), _as_found(model) as forms:
        model.to(device)
        data = data.to(device=device)
        data = data.rows(torch.randperm(len(data), device="cpu").to(device))
        held_out = held_out.to(device=device) if held_out is not None else None
        if not model.linear:
            trunks = pretrain_trunks(model, data, held_out, settings if isinstance(settings, SVI) else SVI(), starts, checkpoint, progress)
            clock("trunks")
        layout = Layout.of(model, data)
        at = None if at is None else at.to(device)
        found = find_starts(model, data, held_out, layout, 1 if trunks or at is not None else starts, progress, at)
        clock("starts")
        task = Inference(guide, settings, layout, checkpoint, progress)
        refined, outcome, score, data = _posterior(task, model, found[0], data, held_out, refine)
        forms.append(refined.model)
        clock("inference")
        outcome = task.with_draws(refined, data, outcome, densities=densities)
        if outcome.guide is not None:
            clock("densities")
    return _on_cpu(refined, outcome, trunks, found, score, clock.seconds)


def _posterior(
    task: Inference, model: RewardModel, start: Start, data: Batch, held_out: Batch | None, refine: Refine | None
) -> tuple[Refined, Outcome, float | None, Batch]:
    """The posterior around a start, the score of the held-out rows, and the rows that the posterior has seen."""
    coordinates = start.laplace.coordinates
    again = held_out is not None and task.settings.refit
    refined = refine(model, data, task.layout, coordinates.loc) if refine and not again else Refined(model, coordinates)
    if held_out is None:
        return refined, task.posterior(refined, data), None, data
    outcome, score = None, start.score
    if isinstance(task.settings, SVI):
        outcome, last = task.trained(refined, data, held_out=held_out)
        score = score if last is None else last
    if again:
        data = data.joined(held_out)
        if refine is not None:
            refined = refine(model, data, task.layout, coordinates.loc)
        else:
            refined = Refined(model, newton_laplace(model, data, task.layout, at=coordinates.loc, progress=task.progress).coordinates)
    if outcome is None or again:
        outcome = task.posterior(refined, data, outcome)
    return refined, outcome, score, data


def _on_cpu(
    refined: Refined, outcome: Outcome, trunks: History | None, found: list[Start], score: float | None, seconds: Mapping[str, float]
) -> Fitted:
    """The result.

    Raises:
        TrainingError: draws that are not finite.
    """
    draws = finite_draws(outcome.draws, settings="inference.learning_rate=0.005")
    if isinstance(outcome.guide, nn.Module):
        outcome.guide.cpu()
    if trunks:
        outcome.history.follow(trunks)
    stats = {name: value.cpu() for name, value in outcome.sample_stats.items()}
    model = refined.model.cpu().eval()
    return Fitted(
        model,
        outcome.guide,
        draws,
        outcome.history,
        found,
        score,
        outcome.statistics,
        seconds,
        stats,
        outcome.chains,
        refined.found,
        {name: value.cpu() for name, value in outcome.ratios.items()},
    )


def check_starts(starts: int) -> None:
    """One place to start from at least.

    Raises:
        ConfigError: none.
    """
    if starts < 1:
        raise ConfigError(f"starts: found {starts}; allowed: 1 or more", fix="use --starts 3")


def _check_finite(rows: Batch, may_be_missing: Collection[str]) -> None:
    for name, column in rows.columns.items():
        if name in may_be_missing or not column.is_floating_point():
            continue
        bad = (~torch.isfinite(column.reshape(len(rows), -1)).all(-1)).nonzero()
        if len(bad):
            raise TrainingError(
                f"column {name!r} of the batch, row {int(bad[0])}: found a number that is nan or infinite ({len(bad)} such rows)",
                fix="leave those rows out, or fill them in",
            )


@contextmanager
def _as_found(model: RewardModel) -> Iterator[list[RewardModel]]:
    """An amortised guide puts the model into another form, and trunks are frozen half way; a second fit is to find neither.

    What is appended to the list, made from the model, gets its form, too.
    """
    form, trained, made = getattr(model, "form", None), [p for p in model.parameters() if p.requires_grad], [model]
    try:
        yield made
    finally:
        if form is not None:
            for one in made:
                one.form = form  # type: ignore[assignment]
        for parameter in trained:
            parameter.requires_grad_(True)


class _Clock:
    """Seconds by phase: each call ends one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase], self._last = now - self._last, now
