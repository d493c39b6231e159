"""Pairs that a model is to be fitted to."""

from __future__ import annotations

from dataclasses import dataclass

from probrm.data import Batch, Pairs
from probrm.recipes.job import Job
from probrm.recipes.pairs.inputs import PairInputs
from probrm.recipes.pairs.repeats import shares
from probrm.recipes.pairs.shape import PairShape

_COLUMNS = ("chosen", "rejected", "outcome", "weight")


@dataclass(frozen=True)
class PairJob(Job):
    """The ``Job`` of a model of preference pairs."""

    rows: Pairs
    inputs: PairInputs

    @property
    def shape(self) -> PairShape:
        """Of the model's inputs."""
        return PairShape(len(self.inputs.centre), bool((self.data["outcome"] == 0.5).any()), len(self.inputs.prompt_centre))


def model_columns(batch: Batch, *, discount: bool = False) -> Batch:
    """The columns that a model of pairs reads: minibatches are cut from as little as possible.

    Args:
        batch: n pairs.
        discount: whether pairs that share their responses count for less than one each, see ``repeats.shares``.
    """
    columns = {name: batch[name] for name in _COLUMNS} | {name: batch[name] for name in ("prompt",) if name in batch}
    return Batch(columns | ({"share": shares(batch)} if discount else {}), batch.total)
