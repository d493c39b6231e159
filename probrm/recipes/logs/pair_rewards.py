"""What a run fitted to a log says of pairs: the rewards of both sides, and of their difference from joint draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, Pairs, PairSpec, read_pairs, read_table
from probrm.encoders import Encoder
from probrm.heads.own_part import own_logit, stretch
from probrm.model import RewardModel
from probrm.posterior.rewards import LEVEL, own_parts
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.far_rows import far_note
from probrm.recipes.logs.scoring import check_texts_suffice, text_batch
from probrm.recipes.pairs.evaluation import PairRows
from probrm.recipes.pairs.files import read_scored_pairs
from probrm.recipes.score_table import with_scores
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import PairPredictions

_NUMBERS = 4_000_000
"""Draws × pairs held at a time."""
LINK = (
    "p_chosen is the probability that the chosen answer is liked and the other one not, given that one of the two is: the logistic function of the "
    "difference of their rewards. Accuracy and AUROC judge the order alone; NLL, Brier and ECE also judge the scale of the rewards, which the "
    "log has taught and no pair has"
)


@dataclass(frozen=True)
class PairRewards:
    """One entry a pair, float32.

    Attributes:
        reward_chosen: posterior mean of the chosen answer's reward, a logit.
        reward_chosen_low: lower end of its central 90 % interval, that of ``Rewards.reward_low``.
        reward_chosen_high: upper end.
        reward_rejected: the same of the other answer.
        reward_rejected_low: lower end.
        reward_rejected_high: upper end.
        reward_difference: posterior mean of the chosen answer's reward less the other's.
        reward_difference_low: lower end of its central 90 % interval, both rewards being of the same draw.
        reward_difference_high: upper end.
        p_better: posterior probability that the chosen answer's reward is the larger one, what the encoder cannot see of the two answers
            included; NaN of a point estimate, which has no posterior.
        p_chosen: posterior mean of the probability that the chosen answer is liked and the other not, given that one of them is.
        p_chosen_low: lower end of its interval for these very answers.
        p_chosen_high: upper end.
    """

    reward_chosen: np.ndarray
    reward_chosen_low: np.ndarray
    reward_chosen_high: np.ndarray
    reward_rejected: np.ndarray
    reward_rejected_low: np.ndarray
    reward_rejected_high: np.ndarray
    reward_difference: np.ndarray
    reward_difference_low: np.ndarray
    reward_difference_high: np.ndarray
    p_better: np.ndarray
    p_chosen: np.ndarray
    p_chosen_low: np.ndarray
    p_chosen_high: np.ndarray


@torch.no_grad()
def pair_rewards(
    model: RewardModel, draws: Mapping[str, Tensor], chosen: Batch, rejected: Batch, *, progress: Progress = silent
) -> PairRewards:
    """Rewards of m pairs.

    Args:
        model: a model of logs.
        draws: of its latents, ``(s, *shape)`` by site.
        chosen: m answers, as ``text_batch`` makes them.
        rejected: the m others.
        progress: shows the pairs.
    """
    count = len(next(iter(draws.values())))
    size, parts = max(1, _NUMBERS // count), [torch.zeros(13, 0)]
    tau = model.own_spread(draws) if count > 1 else None
    with progress.task("Preferences", len(chosen)) as advance:
        for start in range(0, len(chosen), size):
            sides = [side.slice(start, min(start + size, len(chosen))) for side in (chosen, rejected)]
            first, second = (model.reward(draws, side) for side in sides)
            parts.append(_summary(model, draws, first, second, tau))
            advance(len(sides[0]))
    return PairRewards(**{field.name: row for field, row in zip(fields(PairRewards), torch.cat(parts, 1).numpy(), strict=True)})


def _summary(
    model: RewardModel, draws: Mapping[str, Tensor], first: Float[Tensor, "s m"], second: Float[Tensor, "s m"], tau: Tensor | None
) -> Float[Tensor, "13 m"]:
    """The rows of ``PairRewards`` from both sides' rewards under each draw."""
    ends = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    difference, rows = first - second, []
    for values in (first, second, difference):
        rows += [values.mean(0), *torch.quantile(values, ends, dim=0)]
    if len(first) == 1:
        better = torch.full_like(difference, torch.nan)
    elif tau is None:
        better = (difference > 0).float() + 0.5 * (difference == 0).float()
    else:  # both answers have parts of their own, independent of each other
        better = torch.special.ndtr(stretch(tau)[:, None] * difference / (sqrt(2) * tau[:, None]))
    rows.append(better.mean(0))
    rows.append(_liked_alone(model, draws, first, second).mean(0))
    if tau is not None:
        part = own_parts(tau) / sqrt(2)  # the difference of two such parts has √2 times their spread
        first, second = own_logit(first, tau, part), own_logit(second, tau, -part)
    return torch.stack([*rows, *torch.quantile(_liked_alone(model, draws, first, second), ends, dim=0)])


def _liked_alone(model: RewardModel, draws: Mapping[str, Tensor], first: Tensor, second: Tensor) -> Tensor:
    """P(the first is liked, the second not | one of them is), of two answers that are liked independently of each other."""
    if model.logistic:
        return (first - second).sigmoid()
    odds = [torch.logit(model.probability(side, draws), eps=1e-6) for side in (first, second)]
    return (odds[0] - odds[1]).sigmoid()


def both_sides(run: Run, pairs: Pairs, embeddings: str | Encoder | None, progress: Progress) -> tuple[Batch, Batch, list[str]]:
    """Chosen and rejected answers as a model of logs takes them, and notes of the encoder.

    Raises:
        ConfigError: the run's reward has covariates.
    """
    check_texts_suffice(run)
    encoded = run_vectors(run, [*pairs.chosen, *pairs.rejected], embeddings=embeddings, progress=progress)
    chosen, rejected = encoded.vectors.split(len(pairs))
    return text_batch(run, chosen), text_batch(run, rejected), encoded.notes


def score_pairs(
    run: Run, source: str, spec: PairSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
) -> tuple[pa.Table, list[str]]:
    """All rows of a file of one pair a row, with the columns of ``PairRewards``, and notes.

    Raises:
        ConfigError: the run's reward has covariates.
        DataError: the file cannot be used, or a row makes several pairs.
    """
    pairs = read_scored_pairs(source, spec, read_table(source).column_names)
    chosen, rejected, notes = both_sides(run, pairs, embeddings, progress)
    found = asdict(pair_rewards(run.model, run.draws, chosen, rejected, progress=progress))
    table, told = with_scores(pairs.table, pairs.rows, found)
    return table, [
        f"the run was fitted to a log, and the file holds pairs: both sides get a reward; {LINK.split('. ')[0]}",
        *pairs.notes,
        *notes,
        *(far_note(run, chosen) or far_note(run, rejected)),
        *told,
    ]


def log_run_pairs(
    run: Run,
    source: str,
    spec: PairSpec,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> PairRows:
    """A file's pairs, seen by a run fitted to a log; with ``baseline``, by its baseline, too.

    Raises:
        ConfigError: the run's reward has covariates.
        DataError: the file cannot be used.
    """
    pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
    chosen, rejected, notes = both_sides(run, pairs, embeddings, progress)
    prompts = [c.prompt_text for c in pairs.chosen]
    truth = {"prompts": prompts, "weight": pairs.weight, "subset": pairs.subset, "outcome": pairs.outcome}
    ours = _predictions(run.model, run.draws, chosen, rejected, progress)
    beside = _predictions(*run.baseline, chosen, rejected, progress) if baseline and run.baseline else None
    told = f"the run was fitted to a log, and the file holds pairs; {LINK}"
    return PairRows(pairs.rows, truth, ours, beside, [told, *pairs.notes, *notes])


def _predictions(model: RewardModel, draws: Mapping[str, Tensor], chosen: Batch, rejected: Batch, progress: Progress) -> PairPredictions:
    from probrm.evaluation import PairPredictions  # scikit-learn: a second that no other command waits for

    found = pair_rewards(model, draws, chosen, rejected, progress=progress)
    return PairPredictions(found.p_chosen, found.p_chosen_low, found.p_chosen_high)
