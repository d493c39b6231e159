"""What can be set on the implicit model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from probrm.actions import Click
from probrm.heads import HeadConfig
from probrm.priors import Beta, HalfNormal, Normal, PriorSlot
from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class ImplicitPriors:
    """The priors, by slot.

    Attributes:
        base_rate: the share of the log's answers that are preferred, the mean of γ, in (0, 1).
        weights: last-layer weights over an embedding; their scale is the standard deviation of the logit.
        effects: log-odds per standard deviation of a number, or against the reference level of a category.
        intercept: of the propensity, a logit.
        user_activity: users' effects on the propensity, log-odds.
        residual: τ, the deviation of an answer's own reward from that of the average answer with its features, a logit. Answers that the
            log shows several times tell it; without such it is this prior.
    """

    base_rate: PriorSlot = Field(default_factory=lambda: Beta(2.0, 2.0))
    weights: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(2.0)))
    effects: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.5))
    intercept: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.5))
    user_activity: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(1.0)))
    residual: PriorSlot = Field(default_factory=lambda: HalfNormal(1.0))


@dataclass(frozen=True, config=STRICT)
class ImplicitConfig(Settings):
    """Settings of the implicit model (the ``[model]`` table).

    Attributes:
        priors: see ``ImplicitPriors``.
        reward_head: trunk under the reward's Bayesian last layer.
        propensity_head: ``mlp`` adds a network over the propensity's covariates (and the embedding, with ``share_embedding``).
        share_embedding: gives the propensity head the embedding too. The model is then not identified by the log alone.
        action: how preference and activity become an action.
        level: ``robust`` lets labels and the prior determine the base rate within the range that the log allows; ``link``
            believes the shape of the logistic link, as an ordinary posterior does.
        assume: what is known beside the log, see ``Assumptions``.
        form: ``marginal`` sums the strata out in closed form, ``enumerated`` lets Pyro enumerate them: the same number.
    """

    priors: ImplicitPriors = Field(default_factory=ImplicitPriors)
    reward_head: HeadConfig = Field(default_factory=HeadConfig)
    propensity_head: HeadConfig = Field(default_factory=HeadConfig)
    share_embedding: bool = False
    action: Click = Field(default_factory=Click)
    level: Literal["robust", "link"] = "robust"
    assume: tuple[str, ...] = ()
    form: Literal["marginal", "enumerated"] = "marginal"
