"""The settings of one fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from probrm.encoders import EncoderConfig
from probrm.inference.settings import InferenceConfig


@dataclass(frozen=True)
class FitConfig:
    """Settings of a fit; the TOML file has the same names.

    Attributes:
        data: how the file is read (``[data]``): a ``LogSpec``, ``PairSpec`` or what else the model's ``read_spec`` gives.
        encoder: ``[encoder]``.
        model: ``[model]``, in the full form of the model at hand.
        guide: ``[guide]``.
        inference: ``[inference]``.
        starts: how many places the search begins at.
        seed: random seed.
        device: ``auto``, ``cpu`` or ``cuda``.
        held_out: share of prompts, and of users, that selects and stops the training.
    """

    data: Any
    encoder: EncoderConfig
    model: dict[str, Any]
    guide: Any
    inference: InferenceConfig
    starts: int
    seed: int
    device: str
    held_out: float

    def to_dict(self) -> dict[str, Any]:
        """As nested plain types: what a run records and ``--config`` accepts."""
        return {
            "data": self.data.to_dict(),
            "encoder": asdict(self.encoder),
            "model": self.model,
            "guide": asdict(self.guide),
            "inference": asdict(self.inference),
            "starts": self.starts,
            "seed": self.seed,
            "device": self.device,
            "held_out": self.held_out,
        }
