"""The metrics of a pair model: accuracy, overall and by subset, and whether its certainty knows where it errs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from probrm.evaluation.certainty import RiskCoverage, certainty, right
from probrm.evaluation.intervals import Drawn
from probrm.evaluation.metrics import draw_metrics
from probrm.evaluation.ranking import Auroc
from probrm.evaluation.ratio import Ratio
from probrm.evaluation.resample import Estimate, Resamples
from probrm.evaluation.sample import Codes, Floats, Predictions, Sample
from probrm.progress import Progress, silent

PAIR_NAMES = ("accuracy", "nll", "brier", "ece", "auroc", "accuracy_certain_half", "certainty_auroc", "aurc", "coverage")


@dataclass(frozen=True)
class PairPredictions:
    """What one model says about m pairs.

    Attributes:
        p_chosen: (m,) posterior mean of the probability that the chosen response is preferred; of a model that knows ties,
            the probability given that the pair is none, so that 1/2 means undecided.
        low: (m,) lower bounds of its 90 % interval, or None.
        high: (m,) upper bounds, or None.
    """

    p_chosen: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None

    def kept(self, rows: Codes) -> PairPredictions:
        """The predictions for some of the pairs.

        Raises:
            DataError: a probability or bound of any pair is out of its range.
            ValueError: only one of the two bounds is given.
        """
        checked = Predictions.of(self.p_chosen, low=self.low, high=self.high)
        if checked.low is None or checked.high is None:
            return PairPredictions(checked.probability[rows])
        return PairPredictions(checked.probability[rows], checked.low[rows], checked.high[rows])


def draw_pair_metrics(
    sample: Sample,
    predictions: Predictions,
    subsets: Mapping[str, Codes],
    resamples: Resamples,
    progress: Progress = silent,
) -> dict[str, Drawn]:
    """Every metric of m pairs on the data and on each resample.

    Args:
        sample: the 2m rows of :func:`~probrm.evaluation.pairs.pairs_as_rows`.
        predictions: (2m,) theirs.
        subsets: by name, the pairs in it.
        resamples: of the sample's clusters.
        progress: is told of the resamples.
    """
    m = sample.observations
    estimates = _estimates(predictions.probability[:m], sample.weight[:m], sample.clusters[:m], sample.n_clusters, subsets)
    drawn = draw_metrics(sample, predictions, resamples, progress, more=estimates)
    names = [name for name in PAIR_NAMES if name in drawn] + [f"accuracy:{name}" for name in subsets]
    # The command line's contract names the accuracy of pairs so for every model.
    return {name: drawn[name] for name in names} | {"pair_accuracy": drawn["accuracy"]}


def _estimates(p: Floats, weight: Floats, clusters: Codes, k: int, subsets: Mapping[str, Codes]) -> dict[str, Estimate]:
    correct = right(p)
    selective = RiskCoverage(p, weight, clusters)
    found = {
        "accuracy": Estimate.of(Ratio.mean(correct, weight, clusters), k),
        "accuracy_certain_half": Estimate.of(selective.certain_half, k),
        "aurc": Estimate.of(selective.mean_risk, k),
    }
    if 0 < correct.mean() < 1:
        # A prediction of 1/2 is half right: it counts with half its weight on either side.
        found["certainty_auroc"] = Estimate.of(Auroc(correct, certainty(p), weight, clusters), k)
    else:
        outcome = "right" if correct[0] else "wrong"
        found["certainty_auroc"] = Estimate(None, reason=f"every prediction is {outcome}, so there is nothing to separate")
    for name, pairs in subsets.items():
        inside = np.full(p.size, np.nan)
        inside[pairs] = correct[pairs]
        units = np.unique(clusters[pairs]).size
        found[f"accuracy:{name}"] = Estimate.of(Ratio.mean(inside, weight, clusters), k, units=units)
    return found
