"""The model of several actions seen through its rows' linear predictors: a curvature by matrix products.

Beside the reward and each action's location, every single parameter of the likelihood (a strength, a width, a cut point) is a
predictor of its own whose design is a column of ones: a row's density is then a function of its predictors alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.actions import Preference
from probrm.data.batch import Batch
from probrm.linear import LinearForm, Tied
from probrm.model import Values
from probrm_models.implicit.own_parts import SITE, Exposures

if TYPE_CHECKING:
    from probrm_models.implicit.multi_action.model import MultiActionModel


def multi_action_linear_form(model: MultiActionModel, batch: Batch) -> LinearForm:
    """Predictors in this order: reward, K locations, the user's activity, single parameters, the difference to a rival.

    Args:
        model: without trained trunks.
        batch: the rows.
    """
    shape, count = model.shape, len(model.actions)
    embedding, ones = batch["embedding"], torch.ones_like(batch["weight"])[:, None]
    reward = [ones, model.reward_trunk(embedding)] + ([batch["reward_covariates"]] if shape.reward_effects else [])
    shared = [batch["propensity_covariates"]] if shape.propensity_effects else []
    if model.propensity_trunk is not None:
        shared = [*shared, model.propensity_trunk(model.propensity_inputs(batch))]
    nothing = ones[:, :0]
    designs = [torch.cat(reward, 1)]
    designs += [torch.cat([ones if a.intercept is not None else nothing, *shared], 1) for a in model.kinds]
    designs += [nothing] if shape.users else []
    singles = count + 1 + bool(shape.users)  # where they begin
    learned = not isinstance(model.config.action.false_rate, float)
    n_singles = len(model.graded) + len(model.timed) + len(model.stick) + learned + bool(shape.repeated)
    exposures = Exposures.of(batch)
    compared = "won" in batch
    difference = model.reward_trunk(embedding) - model.reward_trunk(batch["rival_embedding"]) if compared else nothing
    if compared and shape.reward_effects:
        difference = torch.cat([difference, batch["reward_covariates"] - batch["rival_reward_covariates"]], 1)

    def single(values: Values) -> Float[Tensor, " p"]:
        parts = [part.reshape(-1) for action in model.kinds for part in action.parts(values)]
        parts += [values[name][None] for name in ("false_rate", SITE) if name in values]
        return torch.cat(parts) if parts else ones[0, :0]

    def coefficients(values: Values) -> list[Tensor]:
        weights = [values["reward_weights"]] + ([values["reward_effects"]] if "reward_effects" in values else [])
        found = [torch.cat([model.reward_intercept(values)[None], *weights])]
        for k, action in enumerate(model.kinds):
            parts = [] if action.intercept is None else [_entry(values["propensity_intercept"], action.intercept)]
            parts += [values[name][k] for name in ("propensity_effects", "propensity_weights") if name in values]
            found.append(torch.cat(parts) if parts else ones[0, :0])
        found += [ones[0, :0]] if shape.users else []
        found += list(single(values).split(1)) if n_singles else []
        return [*found, torch.cat(weights)] if compared else found

    def density(eta: Float[Tensor, "q n"], held: bool = False) -> Float[Tensor, " n"]:
        activity = eta[count + 1] if shape.users else 0.0
        rest = list(eta[singles:])
        if exposures:  # for some of the rows only: the same in all of them
            rest = [one[..., 0] for one in rest[:n_singles]] + rest[n_singles:]
        located = ((a, eta[1 + k] + activity if a.spec.column in model.acted else eta[1 + k]) for k, a in enumerate(model.kinds))
        locations = [model.known(action, location, batch) for action, location in located]
        parts = [action.take(rest) for action in model.kinds]
        false_rate = rest.pop(0) if learned else model.config.action.false_rate
        tau = rest.pop(0) if shape.repeated else None
        tau = tau[..., 0] if tau is not None and tau.dim() == eta[0].dim() else tau
        found = model.tied(batch, exposures, [eta[0], *locations], parts, false_rate, tau, held=held)
        if compared:
            won = batch["won"]
            found = found + Preference(eta[-1]).log_prob(won.nan_to_num()).masked_fill(won.isnan(), 0.0) * batch["weight"]
        return found * batch.scale

    designs += [ones] * n_singles + ([difference] if compared else [])
    # The reward's columns and those of single parameters are alike in all rows of an answer.
    tied = Tied((*range(singles, singles + n_singles), 0), partial(density, held=True)) if exposures else None
    return LinearForm(designs, coefficients, density, batch["user"] if shape.users else None, count + 1, tied=tied)


def _entry(values: Float[Tensor, " k"], place: int) -> Float[Tensor, " 1"]:
    return values[place : place + 1]  # a list of places would be copied to a GPU
