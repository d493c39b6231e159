"""Objective weights that are given by hand, the same for every prompt."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm_models.vrm.model import VRMModel


class GivenWeights(nn.Module):
    """Takes the place of the network ``q(w | x)``: a point, whatever the prompt.

    Args:
        weights: on the simplex.
    """

    def __init__(self, weights: Float[Tensor, " k"]) -> None:
        super().__init__()
        self.register_buffer("given", weights)
        self.given: Tensor

    def posterior(self, x: Float[Tensor, "n p"]) -> Any:
        """Of n prompts."""
        return dist.Delta(self.mean(x), event_dim=1)

    def mean(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n k"]:
        """The weights, n times."""
        return self.given.to(x).expand(len(x), -1)

    @staticmethod
    def weights(latent: Tensor) -> Float[Tensor, "*s k"]:
        """The weights that a draw stands for: itself."""
        return latent


def with_weights(model: VRMModel, weights: Mapping[str, float]) -> VRMModel:
    """A copy of the model that weighs its objectives so: for predictions, not for fits."""
    changed = copy.deepcopy(model)
    given = torch.tensor([weights[name] for name in model.shape.objectives], dtype=torch.float64)
    changed.gated = False
    changed.weights = GivenWeights(given)  # type: ignore[assignment]
    return changed
