"""What a model of pairs is to be fitted to."""

from __future__ import annotations

from dataclasses import dataclass

from probrm.config import FitConfig
from probrm.data import Batch, Pairs
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.progress import Progress
from probrm.recipes.pairs.inputs import PairInputs


@dataclass(frozen=True)
class PairFit:
    """What a model of pairs is to be fitted to, and how.

    Attributes:
        config: all settings.
        pairs: as read, m of them.
        inputs: how they become columns.
        data: all pairs.
        train: those that the model is trained on.
        held_out: the others, which share no prompt with them; None without.
        device: resolved.
        checkpoint: where training states are kept; None without.
        progress: shows the phases.
    """

    config: FitConfig
    pairs: Pairs
    inputs: PairInputs
    data: Batch
    train: Batch
    held_out: Batch | None
    device: str
    checkpoint: Checkpoint | None
    progress: Progress
