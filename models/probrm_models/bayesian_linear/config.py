"""What can be set on the Bayesian linear head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from probrm.bounds import Positive
from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class BayesianLinearConfig(Settings):
    """Settings of the Bayesian linear head (the ``[model]`` table).

    Attributes:
        l2: values of λ that are tried, of which held-out pairs select one. Weights act on the standardised embedding over √d, so ``1/√l2`` is the
            standard deviation of the reward over responses that it allows for.
        hessian: ``unweighted``, ``λI + Σ ΔφΔφᵀ``, the default of RewardUQ's configurations; or ``weighted``, ``λI + Σ σ′ ΔφΔφᵀ``,
            which is the Laplace approximation.
        beta: half-width of the 90 % intervals in units of ``√(φᵀH⁻¹φ)``. 1.645 takes H⁻¹ for the covariance; RewardUQ's configurations have 0.5.
    """

    l2: tuple[Positive, ...] = Field(default=(0.05, 0.25, 1.0, 5.0, 25.0), min_length=1, max_length=1000)
    hessian: Literal["unweighted", "weighted"] = "unweighted"
    beta: Positive = 1.645
