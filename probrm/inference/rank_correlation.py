"""Ranks: how alike two rankings are, and how well one tells two classes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def spearman(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where one of them is constant, 1 where both are."""
    first, second = _centred_ranks(a), _centred_ranks(b)
    lengths = first.norm(), second.norm()
    if not all(lengths):
        return float(not any(lengths))
    return float(first @ second / (lengths[0] * lengths[1]))


def auroc(label: Float[Tensor, " n"], score: Float[Tensor, " n"]) -> float:
    """Area under the ROC curve of scores for 0/1 labels of both kinds: the share of pairs in the right order, ties counting half.

    scikit-learn has it too, and every fit with labels would wait a second for its import.
    """
    good = int(label.sum())
    return 0.5 + float(_centred_ranks(score)[label == 1].sum()) / (good * (len(label) - good))


def _centred_ranks(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    middles = counts.cumsum(0).double() - (counts - 1) / 2
    return middles[place] - (len(values) + 1) / 2
