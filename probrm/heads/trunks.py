"""The part of a head that is learned as a point: a trunk from inputs to features.

On top of every trunk stands a *Bayesian* last layer, whose weights are sample sites of the model. With the linear
trunk (the default) the whole head is Bayesian.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from probrm.bounds import Sizes


@runtime_checkable
class Trunk(Protocol):
    """Any module that maps inputs to features of unit size (sum of squares near 1) and says how many."""

    out_dim: int

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Features of n inputs."""
        ...


class LinearTrunk(nn.Module):
    """Passes inputs through, divided by √d.

    Standardised inputs then have unit squared length on average, so the scale of the last layer's weights is the
    standard deviation of the logit whatever the dimension, and one default prior serves every encoder.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Inputs over the root of their number."""
        return x / self.out_dim**0.5


class MLPTrunk(nn.Module):
    """A multilayer perceptron, ``dim → hidden[0] → … → hidden[-1]``, normalised to unit squared length."""

    def __init__(self, dim: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.out_dim = hidden[-1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise((dim, *hidden)))
        self.norm = nn.LayerNorm(hidden[-1], elementwise_affine=False)

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Features of the last hidden layer."""
        for layer in self.layers:
            x = torch.nn.functional.gelu(layer(x))
        return self.norm(x) / self.out_dim**0.5


def columns(trunk: Trunk, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
    """What ``scaled`` weights are multiplied with: the inputs themselves under a linear trunk, which need no copy, else the features."""
    return x if isinstance(trunk, LinearTrunk) else trunk(x)


def scaled(trunk: Trunk, weights: Float[Tensor, "*s k"]) -> Float[Tensor, "*s k"]:
    """Last-layer weights such that ``scaled(trunk, w) @ columns(trunk, x).T`` is ``w @ trunk(x).T``."""
    return weights / trunk.out_dim**0.5 if isinstance(trunk, LinearTrunk) else weights


def last_layer(trunk: Trunk, weights: Float[Tensor, "*s k"], x: Float[Tensor, "n d"]) -> Float[Tensor, "*s n"]:
    """``w @ trunk(x).T``, for one draw of the weights or many, without a copy of the inputs under a linear trunk."""
    return scaled(trunk, weights) @ columns(trunk, x).T


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class HeadConfig:
    """Which trunk a head has.

    Attributes:
        name: ``linear`` or ``mlp``.
        hidden: sizes of the hidden layers, for ``mlp``.
    """

    name: Literal["linear", "mlp"] = "linear"
    hidden: Sizes = Field(default=(256, 64), min_length=1)


def build_trunk(config: HeadConfig, dim: int) -> LinearTrunk | MLPTrunk:
    """The trunk that ``config`` names, for inputs of ``dim`` columns."""
    return LinearTrunk(dim) if config.name == "linear" else MLPTrunk(dim, config.hidden)
