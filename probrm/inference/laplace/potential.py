"""The log joint density of a model as a function of its flat, unconstrained latents, and its curvature."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.coordinates.sites import trace_globals
from probrm.data.batch import Batch
from probrm.linear import LinearForm
from probrm.model import RewardModel
from probrm.priors import NormalStandIns

Arrow = tuple[Float[Tensor, " U"], Float[Tensor, "U G"], Float[Tensor, "G G"]]
"""A symmetric matrix ``[[diag(d), B], [Bᵀ, A]]`` as ``(d, B, A)``."""
_MANY = 4_000_000
"""Rows × latents from which on linear predictors are worked out in float32."""
_NUMBERS = 3_000_000
"""Hessian columns × rows at a time: 24 MB for each intermediate of the likelihood."""


def in_double(model: RewardModel) -> RewardModel:
    """The model with its trunks' parameters in float64, as ``Potential`` needs it; the model itself where it has none."""
    return model if model.linear else copy.deepcopy(model).double()


def potential_of(model: RewardModel, layout: Layout, batch: Batch, *, normal: bool = False) -> Potential:
    """The potential of these rows as they are: in float32 where there are many behind linear predictors, else in float64."""
    if len(batch) * layout.size > _MANY and model.linear and model.linear_form(batch.slice(0, 1)) is not None:
        return Potential(model, layout, batch.to(dtype=torch.float32), normal=normal, single=True)
    return Potential(in_double(model), layout, batch.to(dtype=torch.float64), normal=normal)


@dataclass(frozen=True)
class Potential:
    """``U(z) = −log p(data, values(z)) − log |d values / dz|`` in float64.

    Args:
        model: its row-local latents are summed out here; parameters, if any, in float64 (``in_double``).
        layout: of its global latents.
        batch: the data, in float64.
        normal: puts the normal stand-in of a prior in its place, where it names one.
        single: works out linear predictors and the rows' densities in float32, and adds them up in float64: .6 of the time, for
            a few thousandths of a nat in 20,000 rows. ``batch`` may then be in float32.
    """

    model: RewardModel
    layout: Layout
    batch: Batch
    normal: bool = False
    single: bool = False

    def __call__(self, z: Float[Tensor, " D"]) -> Tensor:
        """The potential energy at ``z``, a scalar."""
        if self.form is None:
            return -self._log_density(z, self.batch, rows=True)
        values = self.layout.constrain(z)
        with pyro.validation_enabled(False):  # a step too far has a density that is no number, and is not taken
            of_rows = self.form.density(self.form.predictors(values, self._effects(values))).sum(dtype=torch.float64)
        return self.prior(z) - of_rows

    @cached_property
    def form(self) -> LinearForm | None:
        """The rows' linear predictors, where the model has such: no trace of the rows is needed then."""
        single = self.single and self.model.linear  # trunks have their parameters in float64
        return self.model.linear_form(self.batch.to(dtype=torch.float32 if single else torch.float64))

    def prior(self, z: Float[Tensor, " D"]) -> Tensor:
        """The prior's part of it alone."""
        return -self._log_density(z, self.batch.slice(0, 1), rows=False)

    def _log_density(self, z: Tensor, batch: Batch, rows: bool) -> Tensor:
        values = self.layout.constrain(z)
        stand_ins = NormalStandIns() if self.normal else nullcontext()
        with self.model.marginalised(), pyro.validation_enabled(False), stand_ins:
            conditioned = poutine.condition(self.model, data=values)
            trace = poutine.trace(conditioned).get_trace(batch) if rows else trace_globals(conditioned, batch)
            density = trace.log_prob_sum()
        return density + torch.stack(list(self.layout.log_jacobians(z).values())).sum()

    def gradient(self, z: Float[Tensor, " D"]) -> tuple[Tensor, Float[Tensor, " D"]]:
        """Value and gradient."""
        z = z.detach().requires_grad_()
        value = self(z)
        return value.detach(), torch.autograd.grad(value, z)[0]

    def curvature(self, z: Float[Tensor, " D"], rows: int | None = None) -> Arrow:
        """The Hessian, exchangeable block first.

        One Hessian-vector product a dense coordinate, and a single one for the whole exchangeable block: its Hessian
        is diagonal, so the product with a vector of ones reads it off. With linear predictors, matrix products.

        Args:
            z: the place.
            rows: see ``LinearForm.curvature``; used with linear predictors alone.
        """
        likelihood, prior = self.rows_curvature(z, rows), self.prior_curvature(z)
        return likelihood[0] + prior[0], likelihood[1] + prior[1], likelihood[2] + prior[2]

    def rows_curvature(self, z: Float[Tensor, " D"], rows: int | None = None) -> Arrow:
        """The likelihood's part of it; with linear predictors ``Jᵀ (Xᵀ W X) J + Σ g ∂²θ``.

        ``J`` is the derivative of their coefficients in ``z``: only the last part needs backward passes, and those see no rows.
        """
        form = self.form
        if form is None:
            whole, prior = self._arrow(z, rows=True), self._arrow(z, rows=False)
            return whole[0] - prior[0], whole[1] - prior[1], whole[2] - prior[2]
        users = self.layout.exchangeable
        effects, rest = z.detach()[:users], z.detach()[users:].requires_grad_()
        values = self.layout.constrain(torch.cat([effects, rest]))
        blocks = form.coefficients(values)
        with torch.no_grad():
            predictors = form.predictors(values, self._effects(values))
        gradient, diagonal, coupling, dense = (part.to(z.dtype) for part in form.curvature(predictors, users, rows))
        curved = range(len(blocks)) if form.curved is None else form.curved
        for i, block in enumerate(blocks):
            if i in curved or i not in self._jacobians:
                self._jacobians[i] = self._jacobian(block, rest)
        back = torch.cat([self._jacobians[i] for i in range(len(blocks))]).T.to_sparse()  # most coefficients are a latent each
        dense_z = back @ (back @ dense).T
        pulls = gradient.split([len(block) for block in blocks])
        pull = sum((blocks[i] @ pulls[i] for i in curved), gradient[:0].sum())
        if pull.requires_grad:
            slope = torch.autograd.grad(pull, rest, create_graph=True)[0]
            dense_z = dense_z + self._jacobian(slope, rest)
        return diagonal, (back @ coupling.T).T, (dense_z + dense_z.T) / 2

    @cached_property
    def _jacobians(self) -> dict[int, Tensor]:
        """Of each block's coefficients: those of straight blocks are worked out once."""
        return {}

    def prior_curvature(self, z: Float[Tensor, " D"]) -> Arrow:
        """The prior's part of the Hessian.

        Weights are independent given their scales as a rule: one product gives their diagonal and one a scale its column. One more
        product tells whether the rule holds; where it does not, there is one product a coordinate.
        """
        z = z.detach().requires_grad_()
        gradient = torch.autograd.grad(self.prior(z), z, create_graph=True)[0]
        hyper, users = self.layout.hyper().to(z.device), self.layout.exchangeable
        uneven = torch.linspace(1.0, 2.0, len(z), dtype=z.dtype, device=z.device)
        directions = [torch.stack([torch.ones_like(z), uneven]).masked_fill(hyper, 0.0)]
        for place in (site.flat for site in self.layout.sites if site.hyper):  # a unit vector a scale
            directions.append(z.new_zeros(place.stop - place.start, len(z)))
            directions[-1][:, place].fill_diagonal_(1.0)
        found = self._products(gradient, z, torch.cat(directions))
        diagonal, check, of_scales = found[0], found[1], found[2:]
        if not torch.allclose((uneven * diagonal)[~hyper], check[~hyper], rtol=1e-8, atol=1e-8):
            return self._arrow(z, rows=False)
        whole = torch.diag(diagonal[users:].masked_fill(hyper[users:], 0.0))
        whole[hyper[users:]] = of_scales[:, users:]
        whole[:, hyper[users:]] = of_scales[:, users:].T
        coupling = z.new_zeros(users, len(z) - users)
        coupling[:, hyper[users:]] = of_scales[:, :users].T
        return diagonal[:users], coupling.detach(), whole

    def _effects(self, values: dict[str, Tensor]) -> Tensor | None:
        return values[self.layout.sites[0].name] if self.layout.exchangeable else None

    @staticmethod
    def _jacobian(outputs: Tensor, inputs: Tensor) -> Tensor:
        nothing = torch.zeros(len(outputs), len(inputs), dtype=outputs.dtype, device=outputs.device)
        if not outputs.requires_grad:
            return nothing
        rows = torch.eye(len(outputs), dtype=outputs.dtype, device=outputs.device)
        found = torch.autograd.grad(outputs, inputs, rows, is_grads_batched=True, retain_graph=True, allow_unused=True)[0]
        return nothing if found is None else found.detach()

    def _arrow(self, z: Tensor, rows: bool) -> Arrow:
        """By one backward pass a coordinate, of the whole density or (``rows`` off) of the prior alone."""
        z = z.detach().requires_grad_()
        whole = -self._log_density(z, self.batch, rows=True) if rows else self.prior(z)
        gradient = torch.autograd.grad(whole, z, create_graph=True)[0]
        users, size = self.layout.exchangeable, self.layout.size
        directions = torch.eye(size, dtype=z.dtype, device=z.device)[users:]
        size_of_chunk = max(1, _NUMBERS // (len(self.batch) if rows else size))
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
