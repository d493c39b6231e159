"""``fit``: from a model and rows to draws of the posterior."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import ConfigError, TrainingError
from probrm.guides import Breathing, GuideConfig, GuideLike, Layout, Ridge, WhitenedGuide, Whitening, adopt, build_guide
from probrm.inference.densities import draws_and_density, log_joint
from probrm.inference.device import isolated, resolve_device, threads
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.starts import Start, find_starts, pretrain_trunks, scorer
from probrm.inference.nuts import run_nuts
from probrm.inference.settings import NUTS, SVI, InferenceConfig, Laplace, inference_config
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.expansion import expanded
from probrm.inference.svi.train import History, run_svi
from probrm.model import RewardModel
from probrm.progress import Progress, silent

Coordinates = Whitening | Breathing | Ridge
Refine = Callable[[RewardModel, Batch, Layout, Tensor], Coordinates]


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


@dataclass
class _Outcome:
    guide: Any
    draws: dict[str, Tensor]
    history: History
    statistics: Mapping[str, Any] = field(default_factory=dict)
    sample_stats: Mapping[str, Tensor] = field(default_factory=dict)
    chains: int = 1


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
        refine: from a place near a mode to coordinates around the mode, for the last fit, in place of ``newton_laplace``; it may set what
            the model needs to know of the rows. What the held-out rows decide before that is decided without it.
        seed: of all random numbers; two runs with one seed on one CPU agree to the bit.
        device: ``auto``, ``cpu`` or ``cuda``.
        densities: whether ``sample_stats`` are wanted.
        checkpoint: where training states are kept and taken up again.
        progress: shows the phases.

    Raises:
        ConfigError: an unknown guide, inference or device, or a combination that cannot work.
        TrainingError: a loss that is not finite, or no start that converged.
    """
    settings, device = inference_config(inference), resolve_device(device)
    check_starts(starts)
    for rows in (data, held_out):
        if rows is not None:
            _check_finite(rows, model.may_be_missing)
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    with isolated(seed, device, data.numbers), _as_found(model):
        model.to(device)
        data = data.to(device=device)
        data = data.rows(torch.randperm(len(data), device="cpu").to(device))
        held_out = held_out.to(device=device) if held_out is not None else None
        trunk_history: History | None = None
        if not model.linear:
            cold = settings if isinstance(settings, SVI) else SVI()
            trunk_history = pretrain_trunks(model, data, held_out, cold, starts, checkpoint, progress)
            clock("trunks")
        layout = Layout.of(model, data)
        found = find_starts(model, data, held_out, layout, 1 if trunk_history or at is not None else starts, progress, at)
        clock("starts")
        coordinates, scored, outcome = found[0].laplace.coordinates, None, None
        centre = coordinates.loc
        if refine is not None and (held_out is None or not settings.refit):
            coordinates = refine(model, data, layout, centre)
            clock("profile")
        if held_out is not None:
            scored = found[0].score
            if isinstance(settings, SVI):
                outcome, last = _variational(
                    model, guide, layout, coordinates, data, settings, held_out=held_out, checkpoint=checkpoint, progress=progress
                )
                scored = last if last is not None else scored
            if settings.refit:
                data = _join(data, held_out)
                coordinates = (refine or partial(_around, progress=progress))(model, data, layout, centre)
        if outcome is None or settings.refit:
            again = _infer(model, guide, layout, coordinates, data, settings, outcome, checkpoint, progress)
            outcome = replace(again, history=outcome.history if outcome else again.history)
        clock("inference")
        if outcome.guide is not None:
            outcome = _with_draws(outcome, model, layout, data, settings.draws, densities, progress)
            clock("densities")
    draws = {name: value.detach().float().cpu() for name, value in outcome.draws.items()}
    if not all(bool(torch.isfinite(value).all()) for value in draws.values()):
        raise TrainingError(
            "the posterior has draws that are not finite", fix="lower the learning rate: --set inference.learning_rate=0.005"
        )
    if isinstance(outcome.guide, nn.Module):
        outcome.guide.cpu()
    if trunk_history:
        outcome.history.follow(trunk_history)
    stats = {name: value.cpu() for name, value in outcome.sample_stats.items()}
    return Fitted(
        model.cpu().eval(), outcome.guide, draws, outcome.history, found, scored, outcome.statistics, seconds, stats, outcome.chains
    )


def check_starts(starts: int) -> None:
    """One place to start from at least.

    Raises:
        ConfigError: none.
    """
    if starts < 1:
        raise ConfigError(f"starts: found {starts}; allowed: 1 or more", fix="use --starts 3")


def _around(model: RewardModel, data: Batch, layout: Layout, at: Tensor, *, progress: Progress) -> Coordinates:
    return newton_laplace(model, data, layout, at=at, progress=progress).coordinates


def _starts_at_mode(guide: GuideLike) -> bool:
    """Whether a guide is one of probrm's own, which begin at the Newton–Laplace solution."""
    return isinstance(guide, str | GuideConfig)


def _infer(
    model: RewardModel,
    guide: GuideLike,
    layout: Layout,
    coordinates: Coordinates,
    data: Batch,
    settings: InferenceConfig,
    earlier: _Outcome | None,
    checkpoint: Checkpoint | None,
    progress: Progress,
) -> _Outcome:
    if isinstance(settings, NUTS):
        chains = run_nuts(model, data, layout, coordinates, settings, progress=progress)
        return _Outcome(None, chains.draws, History(), chains.statistics, chains.sample_stats, chains.count)
    if isinstance(settings, Laplace):
        return _Outcome(build_guide("auto-normal", model, layout, copy.deepcopy(coordinates).float()), {}, History())
    return _variational(model, guide, layout, coordinates, data, settings, earlier=earlier, checkpoint=checkpoint, progress=progress)[0]


def _variational(
    model: RewardModel,
    guide: GuideLike,
    layout: Layout,
    coordinates: Coordinates,
    data: Batch,
    settings: SVI,
    *,
    held_out: Batch | None = None,
    earlier: _Outcome | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> tuple[_Outcome, float | None]:
    """Trains a guide; ``earlier`` is what became of it on the training rows alone."""
    built = build_guide(guide, model, layout, copy.deepcopy(coordinates).float())
    if isinstance(built, nn.Module):
        built.to(coordinates.loc.device)
    begins_at_mode = _starts_at_mode(guide)
    if not isinstance(built, WhitenedGuide):
        adopt(built, layout, data.slice(0, 1).widened())
    score = scorer(model, built, data, held_out)
    if begins_at_mode and earlier is not None:
        _take_over(built, earlier.guide)
    fast = expanded(model, data, layout, coordinates.loc) if begins_at_mode and settings.batch_size is None else None
    with threads(1) if fast else nullcontext():  # its steps take a few milliseconds
        history = run_svi(
            fast or model,
            built,
            fast.data if fast else data,
            replace(settings, batch_size=fast.batch_size) if fast else settings,
            score=None if begins_at_mode else score,
            schedule=earlier.history if earlier and not begins_at_mode else None,
            stage=int(begins_at_mode and earlier is not None),
            at_mode=begins_at_mode,
            checkpoint=checkpoint,
            progress=progress,
        )
    return _Outcome(built, {}, history), score() if score else None


def _take_over(guide: Any, earlier: Any) -> None:
    """Whitened coordinates are much the same for most of the rows as for all: what was learned of them is where to go on from."""
    guide.family.load_state_dict(earlier.family.state_dict())
    if guide.local is not None:
        guide.local.load_state_dict(earlier.local.state_dict())


def _with_draws(
    outcome: _Outcome, model: RewardModel, layout: Layout, data: Batch, count: int, densities: bool, progress: Progress
) -> _Outcome:
    """The outcome with draws of its guide and, where they are wanted, their densities."""
    z, log_guide = draws_and_density(outcome.guide, layout, data, count)
    stats = (
        {}
        if log_guide is None or not densities
        else {"log_density": log_joint(model, layout, data, z, progress=progress), "log_guide": log_guide}
    )
    return replace(outcome, draws=layout.constrain(z), sample_stats=stats)


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
def _as_found(model: RewardModel) -> Iterator[None]:
    """An amortised guide puts the model into another form, and trunks are frozen half way; a second fit is to find neither."""
    form, trained = getattr(model, "form", None), [p for p in model.parameters() if p.requires_grad]
    try:
        yield
    finally:
        if form is not None:
            model.form = form  # type: ignore[assignment]
        for parameter in trained:
            parameter.requires_grad_(True)


def _join(data: Batch, held_out: Batch) -> Batch:
    columns = {name: torch.cat([column, held_out[name]]) for name, column in data.columns.items()}
    return Batch(columns, data.total + held_out.total)


class _Clock:
    """Notes how long it is since the last call."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds, self._last = seconds, time.perf_counter()

    def __call__(self, phase: str) -> None:
        now = time.perf_counter()
        self._seconds[phase], self._last = now - self._last, now
