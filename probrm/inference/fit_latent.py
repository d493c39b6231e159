"""``fit_latent``: SVI of a model with latents of its own in every row, from where its guide was put."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pyro.infer import ELBO
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import WhitenedGuide
from probrm.inference.device import isolated, resolve_device
from probrm.inference.fit import Fitted, check_starts
from probrm.inference.infer import finite_draws
from probrm.inference.laplace.starts import scorer
from probrm.inference.settings import SVI
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.train import LAST_STAGE, History, run_svi
from probrm.model import RewardModel
from probrm.progress import Progress, silent

Build = Callable[[Batch], tuple[RewardModel, WhitenedGuide]]
"""From the training rows to a model and a guide that is ready to be trained on them."""
Prepare = Callable[[Batch], Batch]
"""Adds to training rows what depends on all of them together (in how many rows each latent occurs)."""
Inspect = Callable[[RewardModel, dict[str, Tensor], Batch], dict[str, Any]]
"""From a model, draws of its globals and rows to figures about them."""


def fit_latent(
    build: Build,
    data: Batch,
    *,
    held_out: Batch | None = None,
    settings: SVI | None = None,
    starts: int = 1,
    seed: int = 0,
    device: str = "auto",
    elbo: Callable[[], ELBO] | None = None,
    trained: bool = False,
    prepare: Prepare | None = None,
    inspect: Inspect | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> Fitted:
    """Trains model and guide together, as often as there are starts, and keeps the best.

    With ``held_out`` rows the likelihood of their outcomes chooses the start and stops the training, which goes back to the
    best look at it; then, unless ``settings.refit`` is off, the best start is trained once more on all rows, for as many steps.

    Args:
        build: is called with the training rows, under the start's own random numbers.
        data: the training rows.
        held_out: rows that share no prompt with them.
        settings: of SVI.
        starts: how many random initialisations.
        seed: random seed.
        device: ``auto``, ``cpu`` or ``cuda``.
        elbo: makes the objective; Pyro's own where it is None.
        trained: whether the guide begins where another training ended: rates begin at the last stage, and patience is half.
        prepare: is applied to whatever rows are trained on, before ``build``.
        inspect: is shown the model that has not seen the held-out rows; its figures go into ``statistics``.
        checkpoint: where training states are kept and taken up again.
        progress: shows the trainings.

    Raises:
        ConfigError: no start at all, or an unknown device.
        TrainingError: a loss or draws that are not finite.
    """
    check_starts(starts)
    settings, device = settings or SVI(), resolve_device(device, data.numbers)
    data, held_out = data.to(device=device), held_out.to(device=device) if held_out is not None else None
    seconds, begun = {}, time.perf_counter()

    def train(rows: Batch, start: int, watched: Batch | None, schedule: History | None, label: str) -> Any:
        with isolated(seed + start, device, rows.numbers):
            rows = prepare(rows) if prepare else rows
            model, guide = build(rows)
            model.to(device)
            guide.to(device)
            score = scorer(model, guide, rows, watched)
            objective = elbo() if elbo else None
            watching: dict[str, Any] = {"score": score, "schedule": schedule, "keep_best": True, "elbo": objective}
            watching |= {"stage": LAST_STAGE, "at_mode": True} if trained else {}
            history = run_svi(model, guide, rows, settings, **watching, checkpoint=checkpoint, progress=progress, label=label)
            model.eval()
            return model, guide, history, guide.draws(settings.draws), score() if score else None

    best: Any = None
    for start in range(starts):
        label = "SVI" if starts == 1 else f"SVI, start {start + 1} of {starts}"
        found: Any = (*train(data, start, held_out, None, label), start)
        value = found[2].trend if found[4] is None else found[4]
        if best is None or value > best[0]:
            best = value, found
    model, guide, history, draws, score, start = best[1]
    statistics = {} if inspect is None or held_out is None else inspect(model, draws, held_out)
    seconds["training"] = time.perf_counter() - begun
    if held_out is not None and settings.refit:
        begun = time.perf_counter()
        model, guide, _, draws, _ = train(data.joined(held_out), start, None, history, "SVI on all rows")
        seconds["refit"] = time.perf_counter() - begun
    draws = finite_draws(draws, settings="inference.learning_rate=0.002")
    return Fitted(model.cpu().eval(), guide.cpu(), draws, history, [], score, statistics, seconds)
