"""Is one model better than another beyond bootstrap error: differences on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from probrm.evaluation.confidence import BETAS
from probrm.evaluation.intervals import Drawn, Metric
from probrm.evaluation.metrics import draw_metrics
from probrm.evaluation.resample import Resamples
from probrm.evaluation.sample import Predictions, Sample

Verdict = Literal["better", "worse", "unclear"]

_OF_BOUNDS = {"elce": False, "euce": False, "confident_true": True, "confident_false": False} | {
    f"ranking_{beta:g}": True for beta in BETAS
}
HIGHER_IS_BETTER: Mapping[str, bool] = {
    "auroc": True,
    "pair_accuracy": True,
    "nll": False,
    "brier": False,
    "ece": False,
    "accuracy": True,
    "accuracy_certain_half": True,
    "certainty_auroc": True,
    "aurc": False,
    "win_rate": True,
    "ece_20": False,
    **_OF_BOUNDS,
    **{f"{name}_joint": higher for name, higher in _OF_BOUNDS.items()},
}
"""Coverage is missing on purpose: it should be near its nominal level, not high. ``accuracy:SUBSET`` is read as ``accuracy``."""


def difference(sample: Sample, model: Predictions, baseline: Predictions, *, bootstrap: int = 1000, seed: int = 0) -> dict[str, Metric]:
    """``model - baseline`` for each metric that both have, with the central 90 % interval over paired resamples.

    Both models are evaluated on the same rows in each resample, so what makes rows hard for both cancels: the interval is far
    narrower than two separate intervals suggest.

    Args:
        sample: n rows with known outcome.
        model: (n,) predictions of the model.
        baseline: (n,) predictions of what it is compared with.
        bootstrap: number of resamples; 0 for no intervals.
        seed: of the bootstrap.

    Raises:
        ConfigError: a negative number of resamples.
        ValueError: lengths differ.
    """
    resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
    return subtract(sample, draw_metrics(sample, model, resamples), draw_metrics(sample, baseline, resamples))


def subtract(sample: Sample, model: Mapping[str, Drawn], baseline: Mapping[str, Drawn]) -> dict[str, Metric]:
    """The differences of metrics that were drawn on the same resamples."""
    return {name: drawn.minus(baseline[name], sample) for name, drawn in model.items() if name in baseline}


def verdict(name: str, change: Metric) -> Verdict | None:
    """What the interval of a difference says of metric ``name``.

    "better" or "worse" where the central 90 % interval lies on one side of 0 (one-sided error 5 %), "unclear" where it
    holds 0; None where the difference is undefined or the metric has no better direction (coverage).
    """
    better_if_higher = HIGHER_IS_BETTER.get(name.partition(":")[0])
    if better_if_higher is None or np.isnan(change.low) or np.isnan(change.high):
        return None
    if change.low <= 0 <= change.high:
        return "unclear"
    return "better" if (change.low > 0) == better_if_higher else "worse"
