"""What pairs there were to learn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from probrm.data import Batch, Pairs


def occurrences(data: Batch) -> dict[str, Any]:
    """How many prompts and responses there are, in how many pairs a response is, and how many comparisons are independent."""
    responses = len(torch.cat([data["chosen_index"], data["rejected_index"]]).unique())
    return {
        "pairs": len(data),
        "prompts": len(data["prompt_index"].unique()),
        "responses": responses,
        "pairs_a_response": 2 * len(data) / responses,
        "contrasts": round(float((shares(data) * _counted(data)).sum())),
    }


def shares(data: Batch) -> Float[Tensor, " m"]:
    """Weight of each of m pairs: pairs of the same responses count for no more than their number of independent differences.

    R responses that are connected by pairs have R − 1 independent differences of rewards, however many pairs connect them. Where the
    weights of a group's pairs, none taken for more than 1, add up to more than that, each is multiplied by (R − 1) / (that sum): pairs
    that already count for less, as those that a row's lists of answers make, are not discounted twice.

    Args:
        data: m pairs with the columns ``chosen_index`` and ``rejected_index (m,)``, and perhaps ``weight (m,)``.
    """
    ends = torch.cat([data["chosen_index"], data["rejected_index"]]).cpu().numpy()
    distinct, ends = np.unique(ends, return_inverse=True)
    m = len(data)
    graph = coo_array((np.ones(m), (ends[:m], ends[m:])), shape=(len(distinct), len(distinct)))
    count, group = connected_components(graph, directed=False)
    weights = np.bincount(group[ends[:m]], _counted(data).cpu().numpy(), minlength=count)
    share = np.minimum(1, (np.bincount(group, minlength=count) - 1) / weights)
    return torch.from_numpy(share[group[ends[:m]]].astype(np.float32))


def _counted(data: Batch) -> Float[Tensor, " m"]:
    """Weights of at most 1; a larger one is somebody's word for how much a pair counts."""
    return data["weight"].clamp(max=1) if "weight" in data else torch.ones(len(data))


def chance_note(held_out: float | None, *, ties: bool) -> list[str]:
    """That the fit predicts held-out pairs worse than chance, where it does."""
    if held_out is None or ties or round(held_out, 3) >= round(-math.log(2), 3):  # no worse, as far as the note would show
        return []
    return [
        f"held-out pairs are predicted worse than chance ({held_out:.3f} nats a pair against {-math.log(2):.3f}): the model is too sure of "
        "what it learned; give more prompts, or a tighter prior on its weights"
    ]


def margin_note(pairs: Pairs) -> list[str]:
    """That a pair counts the same by however much it was won; empty where that is not known anyway."""
    return [] if pairs.margin is None else ["not used: by how much the chosen responses are better (margin); a win is a win"]
