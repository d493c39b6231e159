"""How often a reward model is sure, and how often it is sure and wrong: rates of confident pairs, and RewardUQ's ranking score.

Source: Yang et al. 2026 (arXiv 2602.24040), ``metrics.py`` of lasgroup/rewarduq. A pair is *true* where the chosen response has the larger
mean reward, else *false* (equal rewards are false). It is *confident* where the interval of the margin excludes 0: with margins from the
marginal intervals that is their not overlapping, as in RewardUQ; with margins from joint draws it is what the posterior says of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from probrm.evaluation.margins import Margins
from probrm.evaluation.ratio import Ratio
from probrm.evaluation.sample import Codes, Floats

BETAS = (0.0, 0.01, 0.2, 1.0)
"""Of the ranking score, as RewardUQ reports them."""


def marks(margins: Margins) -> dict[str, Floats]:
    """0 or 1 of each pair (m,): ``win_rate``, ``confident_true`` and ``confident_false``, whose means are the rates of those names."""
    found = {"win_rate": margins.mean > 0, "confident_true": margins.low > 0, "confident_false": margins.high < 0}
    return {name: values.astype(np.float64) for name, values in found.items()}


def confidence_rates(margins: Margins, weight: ArrayLike | None = None) -> dict[str, float]:
    """``win_rate`` (the share of true pairs), ``confident_true`` and ``confident_false``: shares of all m pairs.

    The unconfident ones are what is left: ``win_rate − confident_true`` and ``1 − win_rate − confident_false``.
    """
    weights = None if weight is None else np.asarray(weight, np.float64)
    return {name: float(np.average(values, weights=weights)) for name, values in marks(margins).items()}


def ranking_score(confident_true: ArrayLike, confident_false: ArrayLike, true: ArrayLike, *, beta: float) -> Floats:
    """``CT / ((1 − β) T + β) − CF / ((1 − β) F + β)``, with T the share of true pairs and F = 1 − T; 0/0 counts 0.

    β = 0 takes the rates among the true and among the false pairs, β = 1 among all; in between, a model whose few errors are confident
    is judged less harshly. 1 is best, −1 worst.

    Args:
        confident_true: CT, any shape.
        confident_false: CF.
        true: T.
        beta: β in [0, 1].
    """
    true = np.asarray(true, np.float64)
    return _share(confident_true, (1 - beta) * true + beta) - _share(confident_false, (1 - beta) * (1 - true) + beta)


def _share(part: ArrayLike, whole: Floats) -> Floats:
    part = np.asarray(part, np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


@dataclass(frozen=True)
class RankingScore:
    """The score on any resample.

    Attributes:
        rates: of ``marks``, by name.
        beta: β.
    """

    rates: dict[str, Ratio]
    beta: float

    @classmethod
    def of(cls, margins: Margins, weight: Floats, clusters: Codes, *, beta: float) -> RankingScore:
        """From m pairs with weights (m,) in clusters (m,)."""
        return cls({name: Ratio.mean(values, weight, clusters) for name, values in marks(margins).items()}, beta)

    def __call__(self, counts: Floats) -> Floats:
        """Counts (b, k) to scores (b,)."""
        found = {name: rate(counts) for name, rate in self.rates.items()}
        return ranking_score(found["confident_true"], found["confident_false"], found["win_rate"], beta=self.beta)
