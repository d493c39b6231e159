"""The implicit model seen through its rows' linear predictors: a curvature by matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.heads import columns, scaled
from probrm.linear import LinearForm, Tied
from probrm.model import Values
from probrm_models.implicit.own_parts import SITE, Exposures, apart_density

if TYPE_CHECKING:
    from probrm_models.implicit.model import ImplicitModel


def implicit_linear_form(model: ImplicitModel, batch: Batch) -> LinearForm:
    """Predictors ``logit γ`` and ``logit μ``, and, where answers are shown several times, τ: the same in all rows.

    Args:
        model: without trained trunks.
        batch: the rows.
    """
    of_reward, of_propensity = _designs(model, batch)
    designs, exposures, repeated = [*of_reward, *of_propensity], Exposures.of(batch), bool(model.shape.repeated)
    if repeated:
        designs.append(torch.ones_like(batch["action"])[:, None])

    def density(predictors: Sequence[Tensor], held: bool = False) -> Float[Tensor, " n"]:
        tau = predictors[2][..., 0] if repeated else None
        return model.row_density(batch, exposures, {}, [predictors[0], predictors[1]], tau, held=held)

    def apart(predictors: Sequence[Tensor], nodes: Float[Tensor, "*s k n"]) -> Float[Tensor, "*s k n"]:
        return apart_density(partial(model.given, {}), batch, exposures, predictors, nodes, predictors[2][..., 0]) * batch.scale

    return LinearForm(
        designs=designs,
        coefficients=partial(_coefficients, model),
        density=density,
        user=batch["user"] if model.shape.users else None,
        user_predictor=1,
        predictor=(*(0 for _ in of_reward), *(1 for _ in of_propensity), *([2] if repeated else [])),
        curved=(0, len(designs) - 1) if repeated else (0,),
        tied=Tied((2, 0), partial(density, held=True), apart, max(len(one.x) for one in exposures)) if exposures else None,
    )


def _designs(model: ImplicitModel, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Columns of the reward's predictor and of the propensity's, in blocks."""
    ones = torch.ones_like(batch["action"])[:, None]
    of_reward, of_propensity = [ones, columns(model.reward_trunk, batch["embedding"])], [ones]
    if model.shape.reward_effects:
        of_reward.append(batch["reward_covariates"])
    if model.shape.propensity_effects:
        of_propensity.append(batch["propensity_covariates"])
    if model.propensity_trunk is not None:
        of_propensity.append(columns(model.propensity_trunk, model.propensity_inputs(batch)))
    return of_reward, of_propensity


def _coefficients(model: ImplicitModel, values: Values) -> list[Tensor]:
    """Of those blocks, in their order."""
    found = [model.reward_intercept(values)[None], scaled(model.reward_trunk, values["reward_weights"])]
    if "reward_effects" in values:
        found.append(values["reward_effects"])
    found.append(values["propensity_intercept"][None])
    if "propensity_effects" in values:
        found.append(values["propensity_effects"])
    if model.propensity_trunk is not None:
        found.append(scaled(model.propensity_trunk, values["propensity_weights"]))
    if model.shape.repeated:
        found.append(values[SITE][None])
    return found
