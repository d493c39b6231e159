"""Small minibatches without their noise: rows are compared with their second-order expansion around the mode, whose sum is known.

``Σ ℓ_i(η_i) = Σ t_i(η_i) + Σ (ℓ_i − t_i)(η_i)`` for the expansion ``t_i`` of a row's log density in its linear predictors. The first sum
is a quadratic function of the coefficients, worked out once from all rows; a minibatch estimates the second, in which little is left
near the mode: a control variate (Quiroz et al. 2019, arXiv 1404.4178; Baker et al. 2019, arXiv 1706.05439). A few thousand rows a step
then do what a hundred thousand would.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.coordinates.layout import Layout
from probrm.coordinates.sites import trace_globals
from probrm.data.batch import Batch
from probrm.linear import LinearForm
from probrm.model import RewardModel

ROWS = 4096
"""Of a minibatch; data of more than four times as many are expanded."""
_AT, _VALUE, _SLOPE, _BEND = "expansion_at", "expansion_value", "expansion_slope", "expansion_bend"


class Expanded(nn.Module):
    """A model's process as a Pyro model again, the likelihood a factor that a minibatch estimates with little noise.

    With all rows as one batch it is the model's own likelihood, to rounding.

    Args:
        model: with linear predictors (``linear_form``), its row-local latents summed out.
        data: all rows.
        layout: of the model's global latents.
        at: the mode, unconstrained, ``(D,)``.

    Attributes:
        data: the rows with their expansions as columns: what minibatches are to be cut from.
        batch_size: rows of a minibatch that are enough.
    """

    def __init__(self, model: RewardModel, data: Batch, layout: Layout, at: Float[Tensor, " D"]) -> None:
        super().__init__()
        self.model, self.batch_size = model, ROWS
        self.exchangeable = layout.sites[0].name if layout.exchangeable else None
        rows = data.to(dtype=torch.float32)
        form = model.linear_form(rows)
        assert form is not None
        values = layout.constrain(at.float())
        with torch.no_grad():
            self.coefficients, self.effects = torch.cat(form.coefficients(values)), self._effects_of(values)
            eta = form.predictors(values, self.effects)
        density, slope, bend = form.derivatives(eta)
        self.gradient, self.diagonal, self.coupling, self.dense = form.curvature(eta, layout.exchangeable)
        self.value = density.sum(dtype=torch.float64).float()
        if self.effects is not None and form.user is not None:
            self.of_effects = torch.zeros_like(self.effects).index_add_(0, form.user, slope[form.user_predictor])
        one = 1 / data.scale  # columns are those of a row that stands for itself alone
        columns = {_AT: eta.T, _VALUE: density * one, _SLOPE: slope.T * one, _BEND: bend.flatten(0, 1).T * one}
        self.data = Batch({**data.columns, **{name: column.contiguous() for name, column in columns.items()}}, data.total, data.limits)

    def forward(self, batch: Batch) -> None:
        """Issues the model's global sites, then the likelihood."""
        sites = trace_globals(self.model, batch).nodes.items()
        values = {name: site["value"] for name, site in sites if site["type"] == "sample"}
        form = self.model.linear_form(batch)
        assert form is not None
        effects = self._effects_of(values)
        known = self._quadratic(torch.cat(form.coefficients(values)), effects)
        pyro.factor("expanded_likelihood", known + self._rest(form.predictors(values, effects), form, batch))

    def _effects_of(self, values: Mapping[str, Tensor]) -> Tensor | None:
        return values[self.exchangeable] if self.exchangeable else None

    def _quadratic(self, coefficients: Tensor, effects: Tensor | None) -> Tensor:
        """``Σ t_i`` over all rows."""
        moved = coefficients - self.coefficients
        total = self.value - moved @ (self.gradient + self.dense @ moved / 2)
        if effects is None or self.effects is None:
            return total
        shifted = effects - self.effects
        return total - shifted @ (self.of_effects + self.diagonal * shifted / 2 + self.coupling @ moved)

    @staticmethod
    def _rest(eta: Float[Tensor, "q b"], form: LinearForm, batch: Batch) -> Tensor:
        """``Σ (ℓ_i − t_i)``, estimated by the batch."""
        moved = eta - batch[_AT].T
        bend = batch[_BEND].T.unflatten(0, (len(eta), len(eta)))
        fall = (batch[_SLOPE].T * moved).sum(0) + (moved * (bend * moved[:, None]).sum(0)).sum(0) / 2
        return (form.density(eta) - batch.scale * (batch[_VALUE] - fall)).sum()


def expanded(model: RewardModel, data: Batch, layout: Layout, at: Float[Tensor, " D"]) -> Expanded | None:
    """The model around the mode, where its likelihood can be expanded and there are rows enough for that to be worth it."""
    many = len(data) > 4 * ROWS and model.linear and getattr(model, "form", "marginal") == "marginal"
    return Expanded(model, data, layout, at) if many and model.linear_form(data.slice(0, 1).widened()) is not None else None
