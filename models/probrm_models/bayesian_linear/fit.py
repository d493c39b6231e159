"""The head's weights and the Gaussian around them, in closed form but for the weights' own optimum."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from probrm.data import Batch
from probrm.errors import ConfigError
from probrm.inference import Fitted, History
from probrm.inference.device import isolated
from probrm.inference.svi.heldout import held_out_score
from probrm.recipes.pairs.job import PairJob
from probrm_models.bayesian_linear.config import BayesianLinearConfig
from probrm_models.bayesian_linear.model import BayesianLinearModel

_QUANTILE = 1.6448536269514722
"""Half-width of a standard normal's central 90 % interval."""


class Head(NamedTuple):
    """Point weights, and the precision of the Gaussian around them, float64.

    Attributes:
        weights: θ̂ ``(d,)``, over the standardised embedding divided by √d.
        precision: H ``(d, d)``.
    """

    weights: Float[np.ndarray, " d"]
    precision: Float[np.ndarray, "d d"]

    def draws(self, count: int, scale: float, generator: np.random.Generator) -> Float[np.ndarray, "s d"]:
        """From ``N(θ̂, scale² H⁻¹)``."""
        factor = np.linalg.cholesky(self.precision)
        noise = generator.standard_normal((len(self.weights), count))
        return self.weights + scale * solve_triangular(factor, noise, lower=True, trans=1).T


def linear_head(pairs: Batch, *, l2: float, hessian: str = "unweighted") -> Head:
    """Weights and precision for one λ.

    ``θ̂ = argmin Σ w log(1 + exp(−θ·Δφ)) + λ/2 |θ|²``, and H is ``λI + Σ w ΔφΔφᵀ`` (``unweighted``) or ``λI + Σ w σ′(θ̂·Δφ) ΔφΔφᵀ``
    (``weighted``), the curvature of that loss at θ̂. As σ′ ≤ 1/4, unweighted intervals are at most about half as wide. RewardUQ's trainer takes the
    *mean* loss with the same λ, and Adam for an epoch instead of the optimum.

    Args:
        pairs: m of them, with the columns ``chosen`` and ``rejected (m, d)``, standardised, and ``weight (m,)``.
        l2: λ.
        hessian: which of the two.
    """
    x = (pairs["chosen"] - pairs["rejected"]).double().cpu().numpy() / pairs["chosen"].shape[1] ** 0.5
    weight = pairs["weight"].double().cpu().numpy()
    sign = np.where(np.arange(len(x)) % 2, -1.0, 1.0)  # scikit-learn wants both classes, and a pair can be told either way round
    solver = LogisticRegression(C=1 / l2, fit_intercept=False, solver="newton-cholesky", tol=1e-8, max_iter=200)
    theta = solver.fit(sign[:, None] * x, sign > 0, sample_weight=weight).coef_[0]
    if hessian == "weighted":
        p = expit(x @ theta)
        weight = weight * p * (1 - p)
    return Head(theta, (x * weight[:, None]).T @ x + l2 * np.eye(x.shape[1]))


def fit_head(job: PairJob, settings: BayesianLinearConfig) -> Fitted:
    """Selects λ by the likelihood of held-out pairs, then takes all of them; ``statistics`` have ``l2`` and each one's score.

    Args:
        job: pairs and common settings, of which the seed and the number of draws are used.
        settings: λ to choose from, and which Gaussian.

    Raises:
        ConfigError: several λ and nothing to select by.
    """
    began, values = time.perf_counter(), sorted(set(settings.l2))
    if len(values) > 1 and job.held_out is None:
        raise ConfigError(
            f"l2: found {len(values)} values and no held-out pairs: nothing to select by",
            fix="hold pairs out, or give one: --set model.l2=[1.0]",
        )
    scores: dict[float, float] = {}
    with isolated(job.config.seed), job.progress.task("bayesian-linear", len(values) + 1) as advance:
        for l2 in values if job.held_out is not None else []:
            scores[l2] = held_out_score(*_solved(job, settings, job.train, l2), job.held_out)  # type: ignore[arg-type]
            advance(1)
        best = max(scores, key=lambda l2: (scores[l2], l2)) if scores else values[0]
        model, draws = _solved(job, settings, job.data, best)
        advance(1)
    tried = {"l2": best, "scores": [{"l2": l2, "held_out": score} for l2, score in scores.items()]}
    return Fitted(model, None, draws, History(), [], scores.get(best), {"l2": tried}, {"training": time.perf_counter() - began})


def _solved(job: PairJob, settings: BayesianLinearConfig, pairs: Batch, l2: float) -> tuple[BayesianLinearModel, dict[str, torch.Tensor]]:
    head = linear_head(pairs, l2=l2, hessian=settings.hessian)
    draws = head.draws(job.config.inference.draws, settings.beta / _QUANTILE, np.random.default_rng(job.config.seed))
    model = BayesianLinearModel(job.shape, replace(settings, l2=(l2,))).eval()
    return model, {"reward_weights": torch.from_numpy(draws).float()}
