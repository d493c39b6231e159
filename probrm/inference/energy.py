"""The energy that NUTS walks on: minus the log joint density in whitened coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout, PathFollowing, ScaleAdaptive, Whitening
from probrm.inference.laplace.potential import Potential, in_double
from probrm.inference.laplace.rows_energy import RowsEnergy
from probrm.model import RewardModel


@dataclass(frozen=True)
class WhitenedEnergy:
    """``U(z(ε)) − log |dz / dε|`` in nats, in float64.

    Args:
        potential: of the unconstrained latents, in float64.
        coordinates: from whitened to unconstrained latents, float64.
        rows: the part of the rows with linear predictors, whose gradient takes two matrix products; None traces the model's rows.
    """

    potential: Potential
    coordinates: Whitening | ScaleAdaptive | PathFollowing
    rows: RowsEnergy | None

    @classmethod
    def of(cls, model: RewardModel, layout: Layout, batch: Batch, coordinates: Whitening | ScaleAdaptive | PathFollowing) -> WhitenedEnergy:
        """The energy of a model given all these rows, row-local latents summed out."""
        potential = Potential(in_double(model), layout, batch.to(dtype=torch.float64), single=True)
        return cls(potential, coordinates, None if potential.form is None else RowsEnergy(potential.form))

    def __call__(self, whitened: Float[Tensor, " D"]) -> Tensor:
        """The energy, a scalar that can be differentiated once where predictors are linear."""
        z = self.coordinates(whitened)
        volume = self.coordinates.log_det(z)
        if self.rows is None:
            return self.potential(z) - volume
        layout = self.potential.layout
        values = layout.constrain(z)
        effects = values[layout.sites[0].name] if layout.exchangeable else None
        return self.potential.prior(z) + self.rows(self.rows.form.coefficients(values), effects) - volume
