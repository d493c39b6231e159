"""The log joint density of a model as a function of its flat, unconstrained latents, and its curvature."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass

import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides.layout import Layout
from probrm.guides.sites import in_rows
from probrm.model import RewardModel
from probrm.priors import NormalStandIns

_NUMBERS = 3_000_000
"""Hessian columns × rows at a time: 24 MB for each intermediate of the likelihood."""


def in_double(model: RewardModel) -> RewardModel:
    """The model with its trunks' parameters in float64, as ``Potential`` needs it; the model itself where it has none."""
    return model if model.linear else copy.deepcopy(model).double()


@dataclass(frozen=True)
class Potential:
    """``U(z) = −log p(data, values(z)) − log |d values / dz|`` in float64.

    Args:
        model: its row-local latents are summed out here; parameters, if any, in float64 (``in_double``).
        layout: of its global latents.
        batch: the data, in float64.
        normal: puts the normal stand-in of a prior in its place, where it names one.
    """

    model: RewardModel
    layout: Layout
    batch: Batch
    normal: bool = False

    def __call__(self, z: Float[Tensor, " D"]) -> Tensor:
        """The potential energy at ``z``, a scalar."""
        return -self._log_density(z, self.batch, rows=True)

    def prior(self, z: Float[Tensor, " D"]) -> Tensor:
        """The prior's part of it alone."""
        return -self._log_density(z, self.batch.slice(0, 1), rows=False)

    def _log_density(self, z: Tensor, batch: Batch, rows: bool) -> Tensor:
        values = self.layout.constrain(z)
        stand_ins = NormalStandIns() if self.normal else nullcontext()
        with self.model.marginalised(), pyro.validation_enabled(False), stand_ins:
            trace = poutine.trace(poutine.condition(self.model, data=values)).get_trace(batch)
        density = trace.log_prob_sum(lambda name, site: rows or not in_rows(site))
        return density + torch.stack(list(self.layout.log_jacobians(z).values())).sum()

    def gradient(self, z: Float[Tensor, " D"]) -> tuple[Tensor, Float[Tensor, " D"]]:
        """Value and gradient."""
        z = z.detach().requires_grad_()
        value = self(z)
        return value.detach(), torch.autograd.grad(value, z)[0]

    def curvature(self, z: Float[Tensor, " D"]) -> tuple[Float[Tensor, " U"], Float[Tensor, "U G"], Float[Tensor, "G G"]]:
        """The Hessian in arrow form ``[[diag(d), B], [Bᵀ, A]]``, exchangeable block first.

        One Hessian-vector product a dense coordinate, and a single one for the whole exchangeable block: its Hessian
        is diagonal, so the product with a vector of ones reads it off.
        """
        z = z.detach().requires_grad_()
        gradient = torch.autograd.grad(self(z), z, create_graph=True)[0]
        users, size = self.layout.exchangeable, self.layout.size
        directions = torch.eye(size, dtype=z.dtype, device=z.device)[users:]
        size_of_chunk = max(1, _NUMBERS // len(self.batch))
        columns = [self._products(gradient, z, chunk) for chunk in directions.split(size_of_chunk)]
        dense = torch.cat(columns)  # (G, D)
        ones = torch.zeros(1, size, dtype=z.dtype, device=z.device)
        ones[:, :users] = 1
        diagonal = self._products(gradient, z, ones)[0, :users] if users else z.detach()[:0]
        block = dense[:, users:]
        return diagonal, dense[:, :users].T, (block + block.T) / 2

    @staticmethod
    def _products(gradient: Tensor, z: Tensor, directions: Tensor) -> Tensor:
        return torch.autograd.grad(gradient, z, directions, retain_graph=True, is_grads_batched=True)[0].detach()
