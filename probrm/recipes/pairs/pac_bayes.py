"""A PAC-Bayes certificate: a bound on the error of a linear reward on these embeddings."""

from __future__ import annotations

from typing import Any

from probrm.data import Batch
from probrm.diagnostics import certificate
from probrm.errors import DataError

_WIDEST = 2048
"""Columns up to which the covariances that it needs are made."""


def certified(data: Batch, spread: Any, seed: int) -> dict[str, Any]:
    """The bound on the error of a Gaussian over last-layer weights, prompts being the independent units.

    It speaks of Bradley–Terry with a linear head, whatever model the run is of: the differences are those of the raw
    embeddings, because a standardisation that has seen both halves would break the bound.

    Args:
        data: all pairs, standardised.
        spread: of the embedding's columns, which is taken off again.
        seed: of the halves.

    Returns:
        As ``PacBound.to_dict``; with ``bound`` None and the reason as ``text`` where there is none.
    """
    decided = data["outcome"] != 0.5
    x = ((data["chosen"] - data["rejected"]) * spread)[decided].numpy()
    if x.shape[1] > _WIDEST:
        return {"bound": None, "text": f"no certificate: embeddings of {x.shape[1]} columns; it is made for up to {_WIDEST}"}
    try:
        return certificate(x, data["prompt_index"][decided].numpy(), weight=data["weight"][decided].numpy(), seed=seed).to_dict()
    except DataError as error:
        return {"bound": None, "text": f"no certificate: {error.what}"}
