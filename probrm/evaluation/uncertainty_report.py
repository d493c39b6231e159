"""One evaluation of a posterior's intervals over pairs: RewardUQ's metrics, and the same from joint draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from probrm.evaluation.bound_calibration import ERRORS, BoundError
from probrm.evaluation.confidence import BETAS, RankingScore, marks
from probrm.evaluation.drawing import draw_estimates
from probrm.evaluation.intervals import Drawn
from probrm.evaluation.margins import Margins, PairIntervals
from probrm.evaluation.pair_report import at_kept, decided
from probrm.evaluation.pairs import pairs_as_rows
from probrm.evaluation.ratio import Ratio
from probrm.evaluation.report import Evaluation, report
from probrm.evaluation.resample import Estimate, Resamples
from probrm.evaluation.sample import Codes, Floats, Sample
from probrm.progress import Progress, silent

JOINT = "_joint"
"""Ends the names of metrics that take the interval of the difference, from joint draws."""


def evaluate_uncertainty(
    intervals: PairIntervals,
    baseline: PairIntervals | None = None,
    *,
    prompts: ArrayLike | Sequence[object] | None,
    weight: ArrayLike | None = None,
    outcome: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Compares intervals of rewards with who was preferred, on bootstrap resamples of prompts.

    ``win_rate`` and ``ece_20`` look at the posterior mean of the difference. ``elce``, ``euce``, ``confident_true``, ``confident_false`` and
    ``ranking_BETA`` look at its interval as RewardUQ makes it, from two marginal intervals; with ``_joint`` behind the name, at that of joint draws.
    Formulas are in ``bound_calibration`` and ``confidence``. Observed ties are left out, and counted in a note.

    Args:
        intervals: of m pairs.
        baseline: of the same pairs, from what they are compared with.
        prompts: (m,) ids of prompts, which the bootstrap draws; None to draw pairs.
        weight: (m,) positive; ones by default.
        outcome: (m,) 1 where the chosen response is preferred, 1/2 for a tie; ones by default.
        bootstrap: number of resamples; 0 for no intervals.
        seed: of the bootstrap.
        progress: is told of the resamples.

    Raises:
        DataError: no pairs but ties, or a value out of its range.
        ConfigError: a negative number of resamples.
        ValueError: lengths differ.
    """
    m = intervals.difference.shape[1]
    kept, notes = decided(outcome, m)
    clusters = at_kept(prompts, kept, m)
    sample, _ = pairs_as_rows(np.full(len(kept), 0.5), prompts=clusters, weight=at_kept(weight, kept, m))
    resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
    drawn = [_drawn(one, kept, sample, resamples, progress) for one in (intervals, baseline) if one is not None]
    found = report(sample, *drawn)
    return replace(found, notes=[*notes, *found.notes])


def _drawn(intervals: PairIntervals, kept: Codes, sample: Sample, resamples: Resamples, progress: Progress) -> dict[str, Drawn]:
    """Every metric on the data and on each resample."""
    margins = {"": intervals.marginal.kept(kept), JOINT: intervals.joint.kept(kept)}
    m, k = sample.observations, sample.n_clusters
    weight, clusters = sample.weight[:m], sample.clusters[:m]
    estimates: dict[str, Estimate] = {}
    errors: dict[str, BoundError] = {}
    for suffix, one in margins.items():
        estimates |= _estimates(one, weight, clusters, k, suffix)
        errors |= {name + suffix: BoundError(one, bound, weight, clusters, k) for bound, name in ERRORS.items()}
    means = [f"win_rate{JOINT}", f"ece_20{JOINT}"]  # of the mean difference, which is the same
    gaps = {name: error.gaps(np.ones((1, k))) for name, error in errors.items() if name not in means}
    values: dict[str, list[Floats]] = {name: [np.empty(0)] for name in gaps}
    noise: dict[str, list[Floats]] = {name: [np.empty(0)] for name in gaps}

    def calibrate(counts: Floats) -> None:
        for name, gap in gaps.items():
            resampled = errors[name].gaps(counts)
            values[name].append(errors[name].error(resampled))
            noise[name].append(errors[name].error(resampled - gap))

    found: dict[str, Drawn] = draw_estimates(
        {name: one for name, one in estimates.items() if name not in means}, resamples, progress, also=calibrate
    )
    for name, gap in gaps.items():
        found[name] = Drawn(float(errors[name].error(gap)[0]), np.concatenate(values[name]), noise=np.concatenate(noise[name]))
    return {name: found[name] for name in NAMES}


def _estimates(margins: Margins, weight: Floats, clusters: Codes, k: int, suffix: str) -> Mapping[str, Estimate]:
    found = {name + suffix: Estimate.of(Ratio.mean(values, weight, clusters), k) for name, values in marks(margins).items()}
    scores = {f"ranking_{beta:g}{suffix}": RankingScore.of(margins, weight, clusters, beta=beta) for beta in BETAS}
    return found | {name: Estimate.of(score, k) for name, score in scores.items()}


_OF_BOUNDS = ("elce", "euce", "confident_true", "confident_false", *(f"ranking_{beta:g}" for beta in BETAS))
NAMES = ("win_rate", "ece_20", *(name + suffix for name in _OF_BOUNDS for suffix in ("", JOINT)))
