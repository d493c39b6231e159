"""Stochastic variational inference: ELBO as a module, one fused Adam, minibatches cut from tensors in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyro
import torch
from pyro.infer import ELBO
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import ConfigError, TrainingError
from probrm.guides import WhitenedGuide
from probrm.inference.device import own_random_stream
from probrm.inference.settings import SVI
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.direct import is_readable
from probrm.inference.svi.expansion import Expanded
from probrm.inference.svi.minibatches import Minibatches
from probrm.inference.svi.recorded import CudaGraph, Recorded
from probrm.inference.svi.unwatched import EnumeratedBound, TraceBound
from probrm.model import RewardModel
from probrm.progress import Progress, silent

_DECAYS = (1.0, 0.25, 0.0625)
"""The learning rate's stages; each ends when the held-out score has stopped rising."""
LAST_STAGE = len(_DECAYS) - 1
_TREND = 0.9
"""Of the exponential average of the ELBO that is watched where there are no held-out rows."""
_RISE = 1e-4
"""Nats a row that count as an improvement."""
_SETTLING = 16
"""Looks that the last stage waits at most where its parameters are averaged: one for every ``_LATENTS``, whose errors add up."""
_LATENTS = 25
_SHIFT = 0.05
"""Standard deviations of each latent that a better bound has to be worth, where a guide begins at the mode."""


@dataclass
class History:
    """What happened, and where the training stands.

    Attributes:
        records: one a look.
        stages: the step at which each stage of the learning rate began.
        steps: done so far.
        best: watched value, the highest so far.
        waited: looks since then.
        trend: exponential average of the ELBO a row.
    """

    records: list[dict[str, float]] = field(default_factory=list)
    stages: list[int] = field(default_factory=lambda: [0])
    steps: int = 0
    best: float = -math.inf
    waited: int = 0
    trend: float = math.nan

    def look(self, step: int, elbo: float, held_out: float | None, rate: float, rise: float = _RISE, trend: float = _TREND) -> None:
        """Notes a look at the training; ``rise`` is what counts as an improvement, ``trend`` the weight of earlier looks in the average."""
        self.steps = step
        self.trend = elbo if math.isnan(self.trend) else trend * self.trend + (1 - trend) * elbo
        watched = self.trend if held_out is None else held_out
        self.best, self.waited = (watched, 0) if watched > self.best + rise else (self.best, self.waited + 1)
        self.records.append({"step": step, "elbo": elbo, "rate": rate} | ({} if held_out is None else {"held_out": held_out}))

    def follow(self, earlier: History) -> None:
        """Puts an earlier training's records in front; steps and stages count on from there."""
        for record in self.records:
            record["step"] += earlier.steps
        self.records[:0] = earlier.records
        self.stages = [*earlier.stages, *(stage + earlier.steps for stage in self.stages)]
        self.steps += earlier.steps

    def end_at_best(self) -> None:
        """Takes the best look for the end; the records stay."""
        self.steps = next(int(record["step"]) for record in self.records if record.get("held_out") == self.best)
        self.stages = [stage for stage in self.stages if stage < self.steps or stage == 0]

    def due(self, patience: int, schedule: History | None) -> bool:
        """Whether the present stage is over: by patience, or as it was in an earlier training."""
        if schedule is None:
            return self.waited > patience
        return len(self.stages) < len(schedule.stages) and self.steps >= schedule.stages[len(self.stages)]


def run_svi(
    model: RewardModel | Expanded,
    guide: Any,
    data: Batch,
    settings: SVI,
    *,
    score: Callable[[], float] | None = None,
    schedule: History | None = None,
    stage: int = 0,
    at_mode: bool = False,
    final: bool = True,
    elbo: ELBO | None = None,
    keep_best: bool = False,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
    label: str = "SVI",
) -> History:
    """Trains guide and model in place.

    Args:
        model: its parameters that require gradients are trained too; or one around its mode.
        guide: has been called once, so that all its parameters exist.
        data: the training rows.
        settings: see ``SVI``.
        score: the held-out score, larger is better; None watches the bound.
        schedule: an earlier history whose stages and length are repeated instead of watching anything.
        stage: of the learning rate to begin with; later ones are for a guide that has been trained before.
        at_mode: the guide begins at the mode. Its bound then rises by little, and a rise within the standard
            error of the steps since the last look is none. What it has in the end is the mean over the last stage.
        final: this is the last training of that guide; one that goes on with more rows need not settle before.
        elbo: the objective; None for Pyro's, which enumerates the rows' latents where the model has such in its present form.
        keep_best: goes back to the best look at the held-out score in the end; the history's steps and stages then end there.
        checkpoint: where states are kept, and taken up again.
        progress: shows steps with ELBO and score.
        label: the bar's.

    Raises:
        TrainingError: a loss that is not finite.
        ConfigError: nothing to train.
    """
    loss_fn = (elbo or _bound(model))(model, guide)
    optimiser = _optimiser(loss_fn, guide, settings)
    rates = _Rates(optimiser, stage)
    batches = Minibatches(data, settings.batch_size, seed=torch.initial_seed())
    with own_random_stream(0):
        loss_fn(batches[0])  # checked once by Pyro and torch; then without their checks, a fifth of a step
    number = checkpoint.begin() if checkpoint else 0
    saved = checkpoint.load(number) if checkpoint else None
    history, kept = History(), {}
    if saved:
        saved.restore(loss_fn, optimiser)
        history, kept = History(**saved.meta["history"]), saved.kept
        if saved.meta["done"]:
            return history
    averaging = at_mode and final and schedule is None and not keep_best
    of_guide = {id(p) for p in guide.densities()} if isinstance(guide, WhitenedGuide) else set()
    guided = {name: p for name, p in loss_fn.named_parameters() if id(p) in of_guide}
    total = schedule.steps if schedule else settings.max_steps
    patience = settings.patience if final or not at_mode else settings.patience // 2
    replayed = settings.cuda_graph and is_readable(model, guide) and next(loss_fn.parameters()).is_cuda
    do_step = Recorded(svi_step, loss_fn, optimiser, CudaGraph() if replayed else None)
    losses: list[Tensor] = []
    rise, trend = (guide.layout.size * _SHIFT**2 / 2 / data.total, 0.0) if at_mode else (_RISE, _TREND)
    with progress.task(label, total) as advance, pyro.validation_enabled(False):
        advance(history.steps)
        for step in range(history.steps + 1, total + 1):
            losses.append(do_step(batches[step - 1]))
            if averaging and rates.last(history):
                _average(kept, guided, step - history.stages[-1])
            if step % settings.eval_every and step != total:
                continue
            bound, error = _seen(losses, data.total, step)
            held_out = score() if score and not schedule else None
            history.look(step, bound, held_out, rates.first, max(rise, error * at_mode), trend)
            advance(settings.eval_every, elbo=bound, **({} if held_out is None else {"held_out": held_out}))
            if keep_best and held_out is not None and history.waited == 0:
                kept = {name: value.detach().clone() for name, value in loss_fn.state_dict().items()}
            waits = max(patience, min(_SETTLING, guide.layout.size // _LATENTS)) if averaging and rates.last(history) else patience
            done = step == total or (history.due(waits, schedule) and not rates.lowered(history, step))
            if done and kept and averaging:
                loss_fn.load_state_dict(kept, strict=False)
            elif done and kept:
                loss_fn.load_state_dict(kept)
                history.end_at_best()
            if checkpoint:
                checkpoint.save(number, loss_fn, optimiser, {"history": asdict(history)}, done=done, kept=kept)
            if done:
                break
    optimiser.zero_grad(set_to_none=True)  # gradients hold on to the memory of a recording
    return history


class _Rates:
    """Learning rates that fall stage by stage."""

    def __init__(self, optimiser: torch.optim.Optimizer, stage: int) -> None:
        self._optimiser, self._begun = optimiser, stage  # its groups are others after it was restored
        self._rates = [group["lr"] for group in optimiser.param_groups]
        self._set(stage)

    @property
    def first(self) -> float:
        """That of the guide."""
        return self._optimiser.param_groups[0]["lr"]

    def _set(self, stage: int) -> None:
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * _DECAYS[stage]

    def last(self, history: History) -> bool:
        """Whether the present stage is the last one."""
        return self._begun + len(history.stages) == len(_DECAYS)

    def lowered(self, history: History, step: int) -> bool:
        """Begins the next stage at this step; false after the last one."""
        if self.last(history):
            return False
        history.stages.append(step)
        history.waited = 0
        self._set(self._begun + len(history.stages) - 1)
        return True


@torch.no_grad()
def _average(kept: dict[str, Tensor], guided: Mapping[str, Tensor], count: int) -> None:
    """The mean of the guide's parameters over the last stage: each is off by a step's noise, and there are hundreds (Polyak & Juditsky 1992)."""
    for name, parameter in guided.items():
        kept[name] = kept[name] + (parameter - kept[name]) / count if name in kept else parameter.clone()


def _seen(losses: list[Tensor], rows: float, step: int) -> tuple[float, float]:
    """Mean and standard error of the bound a row since the last look, which these losses are of; empties them.

    Raises:
        TrainingError: it is not finite.
    """
    seen = -torch.stack(losses) / rows  # the one place where the device is waited for
    bound, error = float(seen.mean()), float(seen.std(correction=0)) / math.sqrt(len(losses))
    losses.clear()
    if not math.isfinite(bound):
        raise TrainingError(
            f"the loss became {-bound} at step {step} of the training",
            fix="lower the learning rate: --set inference.learning_rate=0.005; look for extreme covariates",
        )
    return bound, error


def svi_step(loss_fn: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch) -> Tensor:
    """One step, in which the host never waits for the device; the loss before it, a scalar."""
    optimiser.zero_grad(set_to_none=True)
    loss = loss_fn(batch)
    loss.backward()
    optimiser.step()
    return loss


def _bound(model: RewardModel | Expanded) -> ELBO:
    enumerated = getattr(model, "form", "marginal") != "marginal"
    return EnumeratedBound(max_plate_nesting=1) if enumerated else TraceBound()


def _optimiser(loss_fn: nn.Module, guide: Any, settings: SVI) -> torch.optim.Optimizer:
    """Adam in two groups: the guide over the globals, and networks (trunks, amortised guides)."""
    trained = {id(p) for p in (guide.densities() if isinstance(guide, WhitenedGuide) else _parameters(guide))}
    parameters = [p for p in loss_fn.parameters() if p.requires_grad]
    if not any(id(p) in trained for p in parameters):
        raise ConfigError(
            "the guide has no parameters to train",
            fix="make it a torch.nn.Module that registers them; pyro.param in a plain function is not seen",
        )
    guided = [p for p in parameters if id(p) in trained]
    networks = [p for p in parameters if id(p) not in trained]
    groups: list[dict[str, Any]] = [{"params": guided, "lr": settings.learning_rate}]
    if networks:
        groups.append({"params": networks, "lr": settings.network_learning_rate, "weight_decay": settings.weight_decay})
    return torch.optim.AdamW(groups, weight_decay=0.0, fused=True, betas=(0.9, 0.99))


def _parameters(guide: Any) -> list[Tensor]:
    return list(guide.parameters()) if isinstance(guide, nn.Module) else []
