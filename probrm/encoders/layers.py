"""Which layer's vectors predict best what was observed of other prompts, on vectors of all layers from one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from probrm.encoders.crossvalidated import held_out
from probrm.encoders.observed import Observed

_LISTED = 9
"""Layers whose likelihoods are told; the run records all."""
_ERRORS, _PROMPT_ERRORS = 0.5, 2.0
"""Standard errors within which layers count as equal. Prompts' own vectors matter less, and several layers are compared."""
_PROMPT_COLUMNS, _RESPONSE_COLUMNS = 8, 16
"""Principal components that interact where a prompt's layer is chosen."""


@dataclass(frozen=True)
class LayerChoice:
    """A layer and why.

    Attributes:
        setting: ``layer`` or ``prompt_layer``.
        layer: the one chosen, from 0, the token embeddings, to the last.
        log_likelihood: mean over the rows of a subsample, held out by prompt, for each layer; nats.
        error: standard error of the difference to the best layer, clustered by prompt; nats.
        rows: of the subsample.
        prompts: of the subsample.
        unit: what a row is, ``actions`` or ``pairs``.
    """

    setting: str
    layer: int
    log_likelihood: list[float]
    error: list[float]
    rows: int
    prompts: int
    unit: str

    @property
    def note(self) -> str:
        """One line for whoever fits."""
        last = len(self.log_likelihood) - 1
        told = sorted({self.layer, *np.linspace(0, last, min(_LISTED, last + 1)).round().astype(int).tolist()})
        values = ", ".join(f"{layer} {self.log_likelihood[layer]:.3f}" for layer in told)
        return (
            f"encoder.{self.setting}: {self.layer} of {last}, chosen by the held-out likelihood of {self.rows} {self.unit} "
            f"of {self.prompts} prompts, nats a row: {values}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for a run's record."""
        return {**vars(self)}


def choose_layer(vectors: Float[np.ndarray, "l t d"], observed: Observed) -> LayerChoice:
    """The layer of responses: a logistic regression of the action, or of the preferred side on the difference, on each layer's vectors.

    The most likely layer is often one of several that are equal on these rows. Of those within half a standard error
    of it the one nearest to two thirds of the depth is chosen, where what tells good answers from bad is most often found.

    Args:
        vectors: of ``t`` texts at every layer.
        observed: rows whose positions are among the ``t``.
    """
    per_row = []
    for layer in vectors:
        answers, others = _sides(layer, observed)
        features = answers if others is None else answers - others
        found = held_out(features, observed.outcome, observed.group, weight=observed.weight, beside=observed.nuisance())
        per_row.append(found)
    return _chosen("layer", np.stack(per_row), observed, preferred=2 / 3, errors=_ERRORS)


def choose_prompt_layer(vectors: Float[np.ndarray, "l t d"], observed: Observed, layer: int) -> LayerChoice:
    """The layer of prompts' own vectors: does the prompt say which difference between its responses matters?

    A logistic regression of the preferred side on the responses' difference at ``layer`` and on products of principal components
    of prompts and differences. The last layer is chosen unless another one is plainly better.
    """
    assert observed.prompt is not None
    assert observed.other is not None
    answers, others = _sides(vectors[layer], observed)
    assert others is not None
    difference = answers - others
    few = _components(difference, _RESPONSE_COLUMNS)
    per_row = []
    for states in vectors:
        prompts = _components(_standard(states[observed.prompt]), _PROMPT_COLUMNS)
        products = (prompts[:, :, None] * few[:, None, :]).reshape(len(observed), -1)
        # As many products as columns, whatever their number, so that neither part is drowned.
        features = np.concatenate([difference, products * np.sqrt(difference.shape[1] / products.shape[1])], 1)
        per_row.append(held_out(features, observed.outcome, observed.group, weight=observed.weight))
    return _chosen("prompt_layer", np.stack(per_row), observed, preferred=1.0, errors=_PROMPT_ERRORS)


def _chosen(setting: str, per_row: np.ndarray, observed: Observed, *, preferred: float, errors: float) -> LayerChoice:
    last = len(per_row) - 1
    weight = observed.weight / observed.weight.sum()
    mean = per_row @ weight
    worse = mean.max() - mean
    deviation = ((per_row[mean.argmax()] - per_row) - worse[:, None]) * weight
    _, prompts = np.unique(observed.group, return_inverse=True)
    count = int(prompts.max()) + 1
    totals = np.stack([np.bincount(prompts, row, count) for row in deviation])
    error = np.sqrt(np.square(totals).sum(1) * count / max(count - 1, 1))
    alike = np.flatnonzero(worse <= errors * error + 1e-9)  # rounding is no difference
    layer = min(alike.tolist(), key=lambda one: (abs(one - preferred * last), -one))
    return LayerChoice(setting, layer, mean.tolist(), error.tolist(), len(observed), count, observed.unit)


def _sides(vectors: np.ndarray, observed: Observed) -> tuple[np.ndarray, np.ndarray | None]:
    sides = [observed.answer] if observed.other is None else [observed.answer, observed.other]
    used = np.unique(np.concatenate(sides))
    scaled = np.zeros(vectors.shape, np.float64)
    scaled[used] = _standard(vectors[used])
    answers, *others = [scaled[side] for side in sides]
    return answers, others[0] if others else None


def _standard(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    spread = values.std(0)
    return (values - values.mean(0)) / np.where(spread > 1e-6, spread, 1.0)


def _components(values: np.ndarray, count: int) -> np.ndarray:
    """Scores of the first principal components through the origin, each of mean square 1."""
    gram = values.T @ values
    directions = np.linalg.eigh(gram)[1][:, ::-1][:, :count]
    scores = values @ directions
    size = np.sqrt(np.square(scores).mean(0))
    return scores / np.where(size > 1e-6, size, 1.0)
