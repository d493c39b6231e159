"""The metrics of a binary outcome, each with a bootstrap interval over prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from probrm.evaluation.calibration import CalibrationError
from probrm.evaluation.drawing import draw_estimates
from probrm.evaluation.intervals import Drawn, Metric
from probrm.evaluation.ranking import Auroc, pair_accuracy
from probrm.evaluation.ratio import Ratio
from probrm.evaluation.resample import Estimate, Resamples
from probrm.evaluation.sample import Floats, Predictions, Sample
from probrm.progress import Progress, silent

__all__ = ["CLIP", "NAMES", "Metric", "binary_metrics", "draw_metrics"]

NAMES = ("auroc", "nll", "brier", "ece", "pair_accuracy", "coverage")

CLIP = 1e-6
"""Probabilities are clipped to [CLIP, 1 - CLIP] in the log loss, so that one wrong certainty costs 13.8 nats, not infinity."""


def draw_metrics(
    sample: Sample,
    predictions: Predictions,
    resamples: Resamples,
    progress: Progress = silent,
    *,
    more: Mapping[str, Estimate] | None = None,
) -> dict[str, Drawn]:
    """Every metric on the data and on each resample; those of ``more`` come last, or replace one of the same name.

    Raises:
        ValueError: sample and predictions have different lengths.
    """
    if predictions.probability.size != sample.rows:
        raise ValueError(f"{predictions.probability.size} predictions for {sample.rows} rows")
    estimates = _estimates(sample, predictions) | dict(more or {})
    error = CalibrationError(sample.truth, predictions.probability, sample.weight, sample.clusters)
    gaps = error.gaps(np.ones((1, sample.n_clusters)))
    errors, noise = [np.empty(0)], [np.empty(0)]

    def calibrate(counts: Floats) -> None:
        resampled = error.gaps(counts)
        errors.append(np.abs(resampled).sum(axis=1))
        noise.append(np.abs(resampled - gaps).sum(axis=1))

    result = draw_estimates(estimates, resamples, progress, also=calibrate)
    result["ece"] = Drawn(float(np.abs(gaps).sum()), np.concatenate(errors), noise=np.concatenate(noise))
    return {name: result[name] for name in (*NAMES, *estimates) if name in result}


def _estimates(sample: Sample, predictions: Predictions) -> dict[str, Estimate]:
    """Each metric but the ECE."""
    truth, weight, clusters = sample.truth, sample.weight, sample.clusters
    probability, score = predictions.probability, predictions.score
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    found = {
        "nll": Estimate(
            Ratio.mean(-np.log(np.where(truth == 1, clipped, 1 - clipped)), weight, clusters),
            float(log_loss(truth, clipped, sample_weight=weight, labels=[0, 1])),
        ),
        "brier": Estimate(
            Ratio.mean((truth - probability) ** 2, weight, clusters),
            float(brier_score_loss(truth, probability, sample_weight=weight, pos_label=1)),
        ),
        "auroc": Estimate(None, reason=f"the truth is {truth[0]:g} in every row, so there is nothing to separate"),
        "pair_accuracy": Estimate(None, reason="there are no prompts to form pairs within"),
    }
    if truth.min() < truth.max():
        area = float(roc_auc_score(truth, score, sample_weight=weight))
        found["auroc"] = Estimate(Auroc(truth, score, weight, clusters), area)
    if sample.groups is not None:
        pairs = pair_accuracy(truth, score, weight, sample.groups, clusters)
        undefined = Estimate(None, reason="no prompt has two rows with different truth")
        found["pair_accuracy"] = Estimate(pairs, pairs.value) if pairs.denominator.any() else undefined
    if sample.true_probability is not None and predictions.low is not None and predictions.high is not None:
        true = sample.true_probability
        inside = np.where(np.isnan(true), np.nan, (predictions.low <= true) & (true <= predictions.high))
        covered = Ratio.mean(inside, weight, clusters)
        undefined = Estimate(None, reason="no row has a true probability")
        found["coverage"] = undefined if np.isnan(covered.value) else Estimate(covered, covered.value)
    return found


def binary_metrics(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    score: ArrayLike | None = None,
    groups: ArrayLike | Sequence[object] | None = None,
    clusters: ArrayLike | Sequence[object] | None = None,
    weight: ArrayLike | None = None,
    probability_low: ArrayLike | None = None,
    probability_high: ArrayLike | None = None,
    true_probability: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Metric]:
    """The metrics of probabilities and scores against a binary truth, each with a bootstrap interval.

    - ``auroc``: area under the ROC curve of the score; NaN where the truth has one class.
    - ``nll``: mean log loss in nats, probabilities clipped to [1e-6, 1 - 1e-6].
    - ``brier``: mean squared error of the probability.
    - ``ece``: expected calibration error over 10 equal-mass bins (:class:`~probrm.evaluation.calibration.CalibrationError`).
    - ``pair_accuracy``: share of pairs within a group with different truth whose scores are in the right order, ties one half,
      pairs pooled over groups; NaN without groups.
    - ``coverage``, where bounds and the true probability are given: share of rows whose true probability lies within them.

    The bootstrap draws clusters (the groups, unless ``clusters`` is given; rows where there is neither). A resample with one
    class only is left out of the AUROC's interval, and likewise for a metric that a resample leaves undefined.
    Which interval each metric gets is told in :mod:`probrm.evaluation.intervals`.

    Args:
        truth: (n,) 0 or 1.
        probability: (n,) posterior mean of the probability that the truth is 1.
        score: (n,) ranking score, e.g. the reward; the probability by default.
        groups: (n,) prompt ids.
        clusters: (n,) ids of independent units, where larger than groups.
        weight: (n,) positive; a pair has the product of its rows' weights.
        probability_low: (n,) lower bounds of the probability's interval.
        probability_high: (n,) upper bounds.
        true_probability: (n,) the probability the truth was drawn from; NaN where unknown.
        bootstrap: number of resamples; 0 for no intervals (NaN).
        seed: of the bootstrap.

    Raises:
        DataError: a value out of its range; see :meth:`Sample.of` and :meth:`Predictions.of`.
        ConfigError: a negative number of resamples.
        ValueError: lengths differ.
    """
    sample = Sample.of(truth, groups=groups, clusters=clusters, weight=weight, true_probability=true_probability)
    predictions = Predictions.of(probability, score=score, low=probability_low, high=probability_high)
    resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
    return {name: drawn.metric(sample) for name, drawn in draw_metrics(sample, predictions, resamples).items()}
