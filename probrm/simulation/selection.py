"""Which offers become rows of a log: users choose what they see, and a part is shown at random.

This is the form of published data with a known truth, such as Yahoo! R3 and Coat: users rate what they choose to rate, and a
randomised slice is rated whatever they like. An offer with rating ``ℓ`` from 1 to 5 at position ``k`` is chosen with probability

    P(chosen | ℓ, k) = α^(5 − ℓ) / √k

The first factor is selection by rating as in Schnabel et al. 2016 (arXiv 1602.05352), the second is position bias as in Joachims,
Swaminathan & Schnabel 2017 (arXiv 1608.04468, with η = 1/2). The probability is a product, so rating and position are independent
among the chosen rows as they are among the offers. Given features ``x`` of an answer, the true preference ``r*`` of a chosen row has

    logit P(r* = 1 | x, chosen) = logit P(r* = 1 | x) + log( E[α^(5 − ℓ) | r* = 1, x] / E[α^(5 − ℓ) | r* = 0, x] )

Where the last term is the same for every x, choice moves the intercept of the reward and nothing else (Prentice & Pyke 1979,
Biometrika 66:403); with two levels of rating it is ``−4 log α``. The base rate of the offers is that of the randomised rows, and the
chosen rows have a higher one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

POSITION_POWER = 0.5
"""η: an offer at position k is seen with probability k^−η."""


@dataclass(frozen=True)
class Selected:
    """n rows out of N offers.

    Attributes:
        offer: positions of the rows among the offers, ascending.
        randomised: which rows were shown at random; the users chose the others.
        probability: P(chosen) of each row's offer, in (0, 1]; also of randomised rows, where it played no part.
        truth: counts of offers, chosen and randomised rows, plain types.
    """

    offer: Int[np.ndarray, " n"]
    randomised: Bool[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    truth: dict[str, Any]


def choice_probability(level: Float[np.ndarray, " N"], position: Int[np.ndarray, " N"], alpha: float) -> Float[np.ndarray, " N"]:
    """``α^(5 − level) / √position``.

    Args:
        level: ratings from 1 to 5.
        position: from 1, the top.
        alpha: in (0, 1]; 1 is no choice by rating.
    """
    return alpha ** (5 - level) * position.astype(np.float64) ** -POSITION_POWER


def select(probability: Float[np.ndarray, " N"], share: float, draw: np.random.Generator) -> Selected:
    """Sets offers aside at random, and lets users choose among the others.

    R of the N offers are drawn without looking at anything, each set of R being equally likely. ``R = N s q / (1 − s + s q)`` with
    ``q`` the mean of ``probability``, so that they are the share ``s`` of the expected number of rows. Every other offer becomes a row
    with its own probability, independently.

    Args:
        probability: P(chosen) of each of N offers.
        share: ``s``, of the rows that are randomised, in [0, 1).
        draw: source of random numbers. The same offers are compared with the same numbers whatever the probabilities are.
    """
    total, mean = len(probability), float(probability.mean())
    count = round(total * share * mean / (1 - share + share * mean))
    at_random = np.zeros(total, dtype=bool)
    order, uniform = draw.permutation(total), draw.random(total)
    at_random[order[:count]] = True
    offer = np.flatnonzero(at_random | (uniform < probability))
    truth = {"offers": total, "chosen": len(offer) - count, "randomised": count}
    return Selected(offer, at_random[offer], probability[offer], truth)
