"""The propensity where nobody knows it: relative, from the actions alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from probrm_models.baselines.config import BaselineConfig
from probrm_models.baselines.link import Link
from probrm_models.baselines.rows import Rows


@dataclass(frozen=True)
class Propensity:
    """An estimate of the propensity, and of the rows that it was made of.

    Attributes:
        rows: ``μ (n,)`` of the fitted rows.
        link: from linear predictor to ``μ``.
        values: the predictor's coefficients by site; empty for ``μ = 1``.
    """

    rows: Float[Tensor, " n"]
    link: Link = field(default_factory=Link)
    values: dict[str, Tensor] = field(default_factory=dict)


def certain(rows: Rows) -> Propensity:
    """``μ = 1``: whoever likes an answer acts."""
    return Propensity(torch.ones(len(rows), dtype=torch.float64))


def constant(rows: Rows, value: float) -> Propensity:
    """The same propensity in all rows, in (0, 1]."""
    logit = torch.logit(torch.tensor(value, dtype=torch.float64), eps=1e-9)
    found = torch.full((len(rows),), value, dtype=torch.float64)
    return Propensity(found, Link(heeds_known=False), {"propensity_intercept": logit})


def relative_propensity(rows: Rows, config: BaselineConfig) -> Propensity:
    """Logistic regression of the action on the propensity's covariates and on users, over its 99th percentile, capped at 1.

    What acts on answers of every kind counts as certain to act on good ones, the rest in proportion: the level of the propensity
    cannot be had from actions alone. Rel-MF (Saito et al. 2020) does the same with the popularity of items, to the power 1/2. Known
    propensities take the estimate's place.
    """
    q, users = rows.z.shape[1] - 1, len(rows.shape.users)
    rate = float((rows.action * rows.weight).sum() / rows.weight.sum())
    intercept, effects, activity = np.log(rate / (1 - rate)), np.zeros(q), np.zeros(users)
    if q or users:
        parts: list[sparse.csr_matrix] = [sparse.csr_matrix(rows.z[:, 1:].numpy())]
        if users:
            seen = rows.user.numpy() < users
            at = np.flatnonzero(seen)
            parts.append(sparse.csr_matrix((np.ones(len(at)), (at, rows.user.numpy()[at])), shape=(len(rows), users)))
        found = LogisticRegression(C=1 / config.propensity_l2, max_iter=1000).fit(
            sparse.hstack(parts, format="csr"), rows.action.numpy(), sample_weight=rows.weight.numpy()
        )
        intercept, effects, activity = found.intercept_[0], found.coef_[0, :q], found.coef_[0, q:]
    values = {"propensity_intercept": torch.tensor(float(intercept), dtype=torch.float64)}
    logit = values["propensity_intercept"] + torch.zeros(len(rows), dtype=torch.float64)
    if q:
        values["propensity_effects"] = torch.from_numpy(effects.copy())
        logit = logit + rows.z[:, 1:] @ values["propensity_effects"]
    if users:
        values["user_activity"] = torch.from_numpy(activity.copy())
        logit = logit + torch.cat([values["user_activity"], torch.zeros(1, dtype=torch.float64)])[rows.user.clamp(max=users)]
    scale = float(np.percentile(torch.sigmoid(logit).numpy(), config.percentile))
    link = Link(scale, config.power, config.floor)
    return Propensity(link(logit, rows.known), link, values)
