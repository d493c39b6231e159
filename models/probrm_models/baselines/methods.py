"""The methods by name: what each makes of rows before any penalty is chosen, and how it is fitted for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from probrm_models.baselines.config import BaselineConfig
from probrm_models.baselines.em import EM, State
from probrm_models.baselines.em_adam import run_adam
from probrm_models.baselines.linear import Objective, fit_head
from probrm_models.baselines.objectives import PairObjective, PointObjective, PUObjective, marginal_objective
from probrm_models.baselines.propensity import Propensity, certain, constant, relative_propensity
from probrm_models.baselines.pu_risks import nnpu_risk, upu_risk
from probrm_models.baselines.risks import doubly_robust_risk, ips_risk, naive_risk, relmf_risk
from probrm_models.baselines.rows import Rows


@dataclass(frozen=True)
class Solution:
    """A fit for one penalty.

    Attributes:
        theta: coefficients of the reward, ``(p,)``.
        propensity: of the action.
        state: where a fit with another penalty may begin; the method's own.
    """

    theta: Tensor
    propensity: Propensity
    state: Any = None


Fitter = Callable[[float, Solution | None], Solution]
"""From a penalty, and the solution for another one, to the solution."""
Method = Callable[[Rows, BaselineConfig, int], Fitter]
"""From rows, settings and a seed to the fits of one method."""


def _convex(rows: Rows, config: BaselineConfig, seed: int, objective: Objective, propensity: Propensity) -> Fitter:
    def fit(l2: float, before: Solution | None) -> Solution:
        start = before.theta if before else None
        return Solution(fit_head(objective, rows.x, rows.penalty(l2), config, start=start, seed=seed), propensity)

    return fit


def naive(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
    """The action as the label."""
    return _convex(rows, config, seed, PointObjective(rows, lambda f, at: naive_risk(f, rows.action[at])), certain(rows))


def ips(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
    """Inverse propensity scoring."""
    mu = relative_propensity(rows, config)
    return _convex(rows, config, seed, PointObjective(rows, lambda f, at: ips_risk(f, rows.action[at], mu.rows[at])), mu)


def rel_mf(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
    """Clipped inverse propensity scoring with the root of the relative propensity."""
    mu = relative_propensity(rows, config)
    risk = PointObjective(rows, lambda f, at: relmf_risk(f, rows.action[at], mu.rows[at], config.floor))
    return _convex(rows, config, seed, risk, mu)


def doubly_robust(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
    """Clipped weights; what they lack is imputed from a maximum-likelihood fit with the same propensities."""
    mu = relative_propensity(rows, replace(config, floor=1e-3))
    likelihood = marginal_objective(rows, mu.rows)

    def fit(l2: float, before: Solution | None) -> Solution:
        first, second = before.state if before else (None, None)
        first = fit_head(likelihood, rows.x, rows.penalty(l2), config, start=first, seed=seed)
        imputed = torch.sigmoid(rows.x @ first)
        risk = PointObjective(rows, lambda f, at: doubly_robust_risk(f, rows.action[at], mu.rows[at], imputed[at], config.floor))
        second = fit_head(risk, rows.x, rows.penalty(l2), config, start=second, seed=seed)
        return Solution(second, mu, (first, second))

    return fit


def _positive_unlabelled(risk: Callable[..., Tensor]) -> Method:
    def method(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
        label = rows.label[rows.labelled]
        prior = (2 + float(label.sum())) / (4 + len(label))
        free = rows.weight * ~rows.labelled
        if not float(free.sum()):  # verdicts everywhere: the risk of the others is empty
            free = rows.weight
        rate = float((free * rows.action).sum() / free.sum())
        prior = min(max(prior, rate), 1 - 1e-6)  # acted rows are all positive: there are as many positive ones at least
        rate = max(rate, 1e-6)
        return _convex(rows, config, seed, PUObjective(rows, risk, prior, rate), constant(rows, min(rate / prior, 1.0)))

    return method


def unbiased_bpr(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
    """Pairs; the level, which no ranking has, is then put where the actions are most likely."""
    mu = relative_propensity(rows, config)
    objective = PairObjective(rows, mu.rows, config.partners, config.nonnegative, seed)
    level = marginal_objective(rows, mu.rows)
    everything = torch.arange(len(rows))

    def fit(l2: float, before: Solution | None) -> Solution:
        theta = fit_head(objective, rows.x, rows.penalty(l2), config, start=before.theta if before else None, seed=seed)
        rest = rows.x @ theta - theta[0]
        best = minimize_scalar(lambda b: float(level(rest + b, everything)), bounds=(-15.0, 15.0), method="bounded")
        theta[0] = float(best.x)  # type: ignore[union-attr]
        return Solution(theta, mu)

    return fit


def _expectation_maximisation(*, shared: bool) -> Method:
    def method(rows: Rows, config: BaselineConfig, seed: int) -> Fitter:
        def fit(l2: float, before: Solution | None) -> Solution:
            em = EM(rows, l2, config, shared=shared)
            start: State = before.state if before else em.start(seed)
            state = em.run(start) if config.optimiser == "lbfgs" else run_adam(em, start, seed)
            return Solution(state.theta, Propensity(torch.sigmoid(em.logits(state)[1]), values=em.values(state)), state)

        return fit

    return method


BASELINES: dict[str, Method] = {
    "naive": naive,
    "ips": ips,
    "doubly-robust": doubly_robust,
    "upu": _positive_unlabelled(upu_risk),
    "nnpu": _positive_unlabelled(nnpu_risk),
    "sar-em": _expectation_maximisation(shared=False),
    "recrec": _expectation_maximisation(shared=True),
    "rel-mf": rel_mf,
    "unbiased-bpr": unbiased_bpr,
}
"""All methods, in the order of tables."""
