"""What a run says of both sides of pairs, with intervals: pairs of a file, or answers to one prompt with different labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from probrm.data import Batch, LogSpec, PairSpec, read_log, read_pairs
from probrm.encoders import Encoder
from probrm.errors import ConfigError
from probrm.inference.device import own_random_stream
from probrm.model import RewardModel
from probrm.posterior import LEVEL
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.logs.pair_rewards import both_sides, pair_rewards
from probrm.recipes.logs.scoring import scored_batch, without_actions
from probrm.recipes.pairs.files import pair_batch, single_batch, single_texts
from probrm.recipes.pairs.model import PairModel
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, PairIntervals

_NUMBERS = 4_000_000
"""Draws × pairs held at a time."""
Sides = tuple[Batch, Batch] | Batch
"""Both sides of pairs, as a model of logs or of pairs takes them."""


@dataclass(frozen=True)
class IntervalRows:
    """Pairs of which it is known who was preferred, and one run's intervals.

    Attributes:
        rows: positions in the file, ``(m,)``, or ``(m, 2)`` where two rows make a pair.
        truth: keyword arguments of ``evaluate_uncertainty`` that describe the pairs.
        intervals: the run's.
        beside: those of its baseline, where they were asked for and it has a posterior.
        notes: on data and encoder.
    """

    rows: np.ndarray
    truth: dict[str, Any]
    intervals: PairIntervals
    beside: PairIntervals | None
    notes: list[str]

    def evaluate(self, against: IntervalRows | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against another run, differences; equal seeds draw equal resamples."""
        return self.against(against.intervals if against else None, bootstrap=bootstrap, seed=seed, progress=progress)

    def against(self, other: PairIntervals | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against other intervals of the same pairs, differences."""
        from probrm.evaluation import evaluate_uncertainty

        return evaluate_uncertainty(self.intervals, other, **self.truth, bootstrap=bootstrap, seed=seed, progress=progress)


def interval_rows(
    run: Run,
    source: str,
    spec: PairSpec | LogSpec,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> IntervalRows:
    """The pairs of a file, or of a log the pairs that the labels of one prompt's answers make, with a run's intervals.

    Raises:
        ConfigError: the run is one point, which has no intervals; or its reward has covariates, and the file has pairs.
        DataError: the file cannot be used, or no prompt has answers with different labels.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
    """
    if _point(run.draws):
        raise ConfigError(
            f"run of model {run.kind!r}: one point of weights, which has no intervals to be judged; allowed: runs with a posterior",
            fix="fit without --guide delta, a model with a posterior (bradley-terry, vrm, bayesian-linear, implicit, naive), or leave --metrics out",
        )
    read = _pairs if isinstance(spec, PairSpec) else _labelled
    rows, truth, sides, notes = read(run, source, cast("Any", spec), embeddings, progress)
    ours = _intervals(run.model, run.draws, sides, int(run.config["seed"]), progress)
    beside = None
    if baseline and run.baseline and not _point(run.baseline[1]):
        beside = _intervals(*run.baseline, sides, int(run.config["seed"]), progress)
    return IntervalRows(rows, truth, ours, beside, notes)


def _point(draws: Mapping[str, Tensor]) -> bool:
    """Whether all draws are the same."""
    return all(bool((value == value[:1]).all()) for value in draws.values())


def _pairs(
    run: Run, source: str, spec: PairSpec, embeddings: str | Encoder | None, progress: Progress
) -> tuple[np.ndarray, dict[str, Any], Sides, list[str]]:
    pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
    sides: Sides
    if find_recipe(run.kind).fitted_to == "log":
        *both, notes = both_sides(run, pairs, embeddings, progress)
        sides = (both[0], both[1])
    else:
        sides, notes = pair_batch(run, pairs, embeddings=embeddings, progress=progress)
    truth = {"prompts": [c.prompt_text for c in pairs.chosen], "weight": pairs.weight, "outcome": pairs.outcome}
    return pairs.rows, truth, sides, pairs.notes + notes


def _labelled(
    run: Run, source: str, spec: LogSpec, embeddings: str | Encoder | None, progress: Progress
) -> tuple[np.ndarray, dict[str, Any], Sides, list[str]]:
    from probrm.evaluation import Sample, labelled_pairs

    log = read_log(source, without_actions(spec, "label", "weight", "shown"), require=("label",), min_rows=1)
    assert log.label is not None
    keep = np.flatnonzero(~np.isnan(log.label))
    prompts = [log.conversations[i].prompt_text for i in keep]
    first, second, weight = labelled_pairs(Sample.of(log.label[keep], groups=prompts, weight=log.weight[keep]))
    liked, other = keep[first], keep[second]
    if find_recipe(run.kind).fitted_to == "log":
        batch, notes = scored_batch(run, log, embeddings, progress)
        sides: Sides = (batch.subset(torch.from_numpy(liked)), batch.subset(torch.from_numpy(other)))
    else:
        encoded = run_vectors(run, single_texts(run, log.conversations), embeddings=embeddings, progress=progress)
        batch, notes = single_batch(run, encoded.vectors, len(log)), log.notes + encoded.notes
        columns = {"chosen": batch["response"][liked], "rejected": batch["response"][other]}
        sides = Batch(columns | ({"prompt": batch["prompt"][liked]} if "prompt" in batch else {}), len(liked))
    told = f"{len(liked)} pairs: every two answers to one prompt of which one has label 1 and the other label 0"
    return (
        np.stack([log.rows[liked], log.rows[other]], 1),
        {"prompts": [prompts[i] for i in first], "weight": weight},
        sides,
        [*notes, told],
    )


def _intervals(model: RewardModel, draws: Mapping[str, Tensor], sides: Sides, seed: int, progress: Progress) -> PairIntervals:
    if isinstance(sides, Batch):
        return pair_intervals(cast("PairModel", model), draws, sides, seed=seed, progress=progress)
    from probrm.evaluation import PairIntervals

    found = pair_rewards(model, draws, *sides, progress=progress)
    names = [f"reward_{part}" for part in ("chosen", "rejected", "difference")]
    return PairIntervals(*(np.stack([getattr(found, name + end) for end in ("", "_low", "_high")]).astype(np.float64) for name in names))


@torch.no_grad()
def pair_intervals(
    model: PairModel, draws: Mapping[str, Tensor], batch: Batch, *, seed: int = 0, progress: Progress = silent
) -> PairIntervals:
    """Means and central 90 % intervals of both rewards of m pairs and of their difference.

    Args:
        model: a model of pairs.
        draws: of its global latents, ``(s, *shape)`` by site.
        batch: m pairs.
        seed: of what the model draws for each pair.
        progress: shows the pairs.
    """
    from probrm.evaluation import PairIntervals

    size = max(1, _NUMBERS // len(next(iter(draws.values()))))
    ends = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    parts = [torch.zeros(9, 0)]
    with own_random_stream(seed), progress.task("Intervals", len(batch)) as advance:
        for start in range(0, len(batch), size):
            pairs = batch.slice(start, min(start + size, len(batch)))
            responses = [Batch({**pairs.columns, "response": pairs[side]}, pairs.total) for side in ("chosen", "rejected")]
            each = [*(model.reward(draws, side) for side in responses), model.difference(draws, pairs)]
            parts.append(torch.stack([row for one in each for row in (one.mean(0), *torch.quantile(one, ends, dim=0))]))
            advance(len(pairs))
    return PairIntervals(*torch.cat(parts, 1).double().numpy().reshape(3, 3, -1))
