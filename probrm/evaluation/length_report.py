"""One evaluation of how a reward follows length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from probrm.evaluation.drawing import draw_estimates
from probrm.evaluation.length import THRESHOLD, length_estimates
from probrm.evaluation.report import Evaluation, report
from probrm.evaluation.resample import Resamples
from probrm.evaluation.sample import Floats, Sample
from probrm.progress import Progress, silent


@dataclass(frozen=True)
class LengthRows:
    """Answers whose lengths and rewards are compared.

    Attributes:
        length: (n,) characters.
        truth: (n,) 0 or 1, NaN where unknown; None without any.
        groups: (n,) ids of what is compared within: prompts, or pairs.
        prompts: (n,) ids of what the bootstrap draws.
        weight: (n,) positive.
        repeats: how many answers make one observation: 2 in pairs.
    """

    length: ArrayLike
    truth: ArrayLike | None
    groups: Sequence[object]
    prompts: Sequence[object]
    weight: ArrayLike
    repeats: int = 1

    def evaluate(
        self, reward: Floats, baseline: Floats | None = None, *, bootstrap: int = 1000, seed: int = 0, progress: Progress = silent
    ) -> Evaluation:
        """The numbers of ``length_estimates`` for rewards (n,), for a baseline's, and their differences on the same resamples of prompts.

        A correlation beyond ±0.3 comes with a note.

        Raises:
            DataError: no rows.
            ConfigError: a negative number of resamples.
        """
        truth = None if self.truth is None else np.asarray(self.truth, np.float64)
        # The outcome is not looked at: both values are there so that nothing is said of labels that are all alike.
        sides = np.arange(len(reward)) % 2
        sample = replace(Sample.of(sides, groups=self.groups, clusters=self.prompts, weight=self.weight), repeats=self.repeats)
        assert sample.groups is not None
        resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
        length, groups = np.asarray(self.length, np.float64), sample.groups
        drawn = [
            draw_estimates(
                length_estimates(length, np.asarray(one, np.float64), truth, groups, sample.weight, sample.clusters, sample.n_clusters),
                resamples,
                progress,
            )
            for one in (reward, baseline)
            if one is not None
        ]
        found = report(sample, *drawn)
        return replace(found, notes=[*_beyond(found), *found.notes])


def _beyond(found: Evaluation) -> list[str]:
    metric, truth = found.metrics["length_correlation"], found.metrics.get("truth_length_correlation")
    if not abs(metric.value) > THRESHOLD:
        return []
    beside = "" if truth is None or np.isnan(truth.value) else f"; that of the truth is {truth.value:.2f}"
    way = "longer" if metric.value > 0 else "shorter"
    return [
        f"the reward prefers {way} answers to the same prompt: rank correlation {metric.value:.2f}, a caveat beyond ±{THRESHOLD}{beside}"
    ]
