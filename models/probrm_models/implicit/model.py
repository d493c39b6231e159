"""Implicit feedback: an action is a latent preference times a latent propensity to act (ImplicitRM, arXiv 2603.23184).

Generative process, for a row with features ``h`` of prompt and response, covariates ``z`` and user ``u``::

    π ~ Beta                    share of the log's answers that are preferred          base_rate
    w ~ N(0, s²), β ~ N         reward weights (embedding) and effects (covariates)    reward_weights, reward_effects
    b, v ~ N                    propensity intercept and effects of the covariates     propensity_intercept, propensity_effects
    α_u ~ N(0, s_u²)             activity of each user                                  user_activity
    r* ~ Bernoulli(γ)           γ = σ(c + w·h + β·z_r)                                 preference
    a  ~ Bernoulli(μ)           μ = σ(b + v·z_p + α_u)                                 activity
    o  ~ Bernoulli(r* a)        plus a false-action rate ε where there is one          action
    τ                           of answers that the log shows several times            residual_scale

The intercept ``c`` of the reward follows from π: the mean of γ over reference rows of the log is π. An explicit label, where
a row has one, is ``r*`` itself; a propensity known from an experiment, where a row has one, is μ itself. The four strata (r*, a) are summed out in closed form
(``form="marginal"``), enumerated in parallel (``"enumerated"``), or left to an amortised guide (guide ``amortised``);
the first two are the same number, the third is a lower bound.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from probrm.actions import LogBernoulli
from probrm.actions.product import log_both, log_not_both
from probrm.data.batch import Batch
from probrm.heads import build_trunk, last_layer, mean_rate_intercept
from probrm.linear import LinearForm
from probrm.model import RewardModel, Values
from probrm.priors import Prior
from probrm.recipes.logs.shape import LogShape
from probrm.settings import Settings
from probrm_models.implicit import own_parts
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.linear import implicit_linear_form
from probrm_models.implicit.strata import StratumGuide


def known_or(propensity: Float[Tensor, "*s n"], batch: Batch) -> Float[Tensor, "*s n"]:
    """``logit μ`` with the propensities that an experiment has fixed in their places."""
    if "known_propensity" not in batch:
        return propensity
    known = batch["known_propensity"]
    fixed = torch.logit(known.nan_to_num(0.5).clamp(1e-6, 1 - 1e-6))  # a sure activity, too, keeps a finite logit
    return torch.where(known.isnan(), propensity, fixed)


ENOUGH = 50
"""Known propensities from which on they fix the level of the others."""
Form = Literal["marginal", "enumerated", "amortised"]


class ImplicitModel(RewardModel):
    """The implicit model as a Pyro model; `docs/implicit.md` states the process.

    Args:
        shape: how many inputs there are and what they are called.
        config: priors, heads and action.
        reference: rows over which ``base_rate`` is the mean of γ; without them it is γ at the average embedding and the covariates'
            reference levels.

    ``level`` is a function of the base rate that is taken off the log density (``with_level``, ``identifiability.base_rate``).

    A batch has the columns ``embedding (n, d)``, ``reward_covariates (n, m)``, ``propensity_covariates (n, k)``,
    ``user (n,)`` (an index into ``shape.users``), ``action (n,)`` 0/1, ``label (n,)`` 0/1/NaN, ``weight (n,)``, and perhaps
    ``known_propensity (n,)`` in (0, 1], NaN where it is to be estimated.
    """

    kind = "implicit"
    shape_class: ClassVar[type[Settings]] = LogShape
    config_class: ClassVar[type[Settings]] = ImplicitConfig
    shape: LogShape
    config: ImplicitConfig
    may_be_missing: ClassVar[frozenset[str]] = frozenset({"label", "known_propensity", "actions", "won"})

    reference_embedding: Tensor
    reference_covariates: Tensor

    def __init__(self, shape: LogShape, config: ImplicitConfig | None = None, reference: Batch | None = None) -> None:
        super().__init__(shape if reference is None else replace(shape, reference=len(reference)), config)
        self.form: Form = self.config.form
        self.level: Callable[[Tensor], Tensor] | None = None
        covariates = torch.zeros(self.shape.reference, len(shape.reward_effects))
        self.register_buffer("reference_embedding", torch.zeros(self.shape.reference, shape.embedding))
        self.register_buffer("reference_covariates", covariates)
        if reference is not None:
            self.reference_embedding, self.reference_covariates = reference["embedding"], reference["reward_covariates"]
        self.reward_trunk = build_trunk(self.config.reward_head, shape.embedding)
        inputs = shape.embedding if self.config.share_embedding else 0
        if self.config.propensity_head.name == "mlp":  # a trunk over the covariates too, beside their linear effects
            inputs += len(shape.propensity_effects)
        self.propensity_trunk = build_trunk(self.config.propensity_head, inputs) if inputs else None

    def with_level(self, level: Callable[[Tensor], Tensor] | None) -> Self:
        """The same model, parameters shared, with ``level`` taken off its log density."""
        found = copy.copy(self)
        found.level = level
        return found

    # ---- the conditionals of the globals

    def base_rate(self) -> Tensor:
        """``π``, scalar in (0, 1)."""
        return self.config.priors.base_rate.sample("base_rate")

    def reward_weights(self) -> Tensor:
        """``w (k,)``: the Bayesian last layer of the reward head."""
        return self.config.priors.weights.sample("reward_weights", (self.reward_trunk.out_dim,))

    def propensity_intercept(self) -> Tensor:
        """``b``, a logit."""
        return self.config.priors.intercept.sample("propensity_intercept")

    def user_activity(self) -> Tensor:
        """``α (users,)``, log-odds of acting relative to the average user."""
        return self.config.priors.user_activity.sample("user_activity", (len(self.shape.users),))

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        priors, shape = self.config.priors, self.shape
        values = {"base_rate": self.base_rate(), "reward_weights": self.reward_weights()}
        if self.level is not None:
            pyro.factor("level", -self.level(values["base_rate"]))
        if shape.reward_effects:
            values["reward_effects"] = priors.effects.sample("reward_effects", (len(shape.reward_effects),))
        values["propensity_intercept"] = self.propensity_intercept()
        if shape.propensity_effects:
            values["propensity_effects"] = priors.effects.sample("propensity_effects", (len(shape.propensity_effects),))
        if self.propensity_trunk is not None:
            values["propensity_weights"] = priors.weights.sample("propensity_weights", (self.propensity_trunk.out_dim,))
        if shape.users:
            values["user_activity"] = self.user_activity()
        false_rate = self.config.action.sample_false_rate()
        if isinstance(false_rate, Tensor):
            values["false_rate"] = false_rate
        if shape.repeated:
            values[own_parts.SITE] = own_parts.sample_scale(priors.residual)
        return values

    # ---- the linear predictors, for one draw or many

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit γ``."""
        logit = self.reward_intercept(values).unsqueeze(-1) + last_layer(self.reward_trunk, values["reward_weights"], batch["embedding"])
        if "reward_effects" in values:
            logit = logit + values["reward_effects"] @ batch["reward_covariates"].T
        return logit

    def reward_intercept(self, values: Values) -> Float[Tensor, "*s"]:
        """``c``: the mean of γ over the reference rows is the base rate."""
        weights = values["reward_weights"]
        slope = last_layer(self.reward_trunk, weights, self.reference_embedding.to(weights.dtype))
        if "reward_effects" in values:
            slope = slope + values["reward_effects"] @ self.reference_covariates.to(weights.dtype).T
        return mean_rate_intercept(values["base_rate"], slope)

    def propensity(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit μ``; the effect of user ``i`` is entry ``i`` of ``user_activity``."""
        logit = values["propensity_intercept"].unsqueeze(-1)
        if "propensity_effects" in values:
            logit = logit + values["propensity_effects"] @ batch["propensity_covariates"].T
        if self.propensity_trunk is not None:
            logit = logit + last_layer(self.propensity_trunk, values["propensity_weights"], self.propensity_inputs(batch))
        if "user_activity" in values:
            activity = values["user_activity"]
            logit = logit + self.with_new_users(activity, values, batch).index_select(-1, batch["user"])
        return known_or(logit.expand(*logit.shape[:-1], len(batch)), batch)

    def with_new_users(self, activity: Float[Tensor, "*s u"], values: Values, batch: Batch) -> Float[Tensor, "*s v"]:
        """The known users' effects, and behind them those of the users of these rows that the fit has not seen."""
        known = activity.shape[-1]
        if batch.limits("user") <= known:  # so in every fit
            return activity
        unseen = int(batch["user"].max()) + 1 - known
        return torch.cat([activity, self.new_user_activity(values, unseen)], -1) if unseen > 0 else activity

    def propensity_inputs(self, batch: Batch) -> Float[Tensor, "n i"]:
        """What the propensity's trunk sees."""
        parts = [batch["embedding"]] if self.config.share_embedding else []
        if self.config.propensity_head.name == "mlp":
            parts.append(batch["propensity_covariates"])
        return torch.cat(parts, -1)

    @torch.no_grad()
    def new_user_activity(self, values: Values, count: int) -> Float[Tensor, "*s count"]:
        """Effects of ``count`` users that the fit has not seen, drawn from their prior given each draw's scale.

        They stand behind the known users: a batch refers to the first as ``len(shape.users)``.
        """
        known = values["user_activity"]
        # What belongs to single known users (local scales) says nothing about others.
        scales = {n: v.reshape(-1) for n, v in values.items() if n.startswith("user_activity_") and v.dim() == known.dim() - 1}
        rows = known.reshape(-1, known.shape[-1])
        draws = []
        for i in range(len(rows)):
            with poutine.block(), poutine.condition(data={name: value[i] for name, value in scales.items()}):
                draws.append(self.config.priors.user_activity.sample("user_activity", (count,)))
        return torch.stack(draws).reshape(*known.shape[:-1], count)

    # ---- the conditionals of a row

    def preference_dist(self, reward: Tensor) -> LogBernoulli:
        """``r* | h``."""
        return LogBernoulli(F.logsigmoid(reward), F.logsigmoid(-reward))

    def activity_dist(self, propensity: Tensor) -> LogBernoulli:
        """``a | z, u``."""
        return LogBernoulli(F.logsigmoid(propensity), F.logsigmoid(-propensity))

    def action_dist(self, preference: Tensor, activity: Tensor, values: Values) -> LogBernoulli:
        """``o | r*, a``."""
        both = preference * activity
        return self.config.action.given(both.log(), (1 - both).log(), self._false_rate(values))

    def marginal_action_dist(self, reward: Tensor, propensity: Tensor, label: Tensor, values: Values) -> LogBernoulli:
        """``o | h, z, u`` with the strata summed out; an explicit label (``label`` not NaN) fixes ``r*``."""
        log_s = torch.where(label == 1, F.logsigmoid(propensity), log_both(reward, propensity))
        log_not_s = torch.where(label == 1, F.logsigmoid(-propensity), log_not_both(reward, propensity))
        log_s = log_s.masked_fill(label == 0, -torch.inf)
        log_not_s = log_not_s.masked_fill(label == 0, 0.0)
        return self.config.action.given(log_s, log_not_s, self._false_rate(values))

    def _false_rate(self, values: Values) -> Tensor | float:
        rate = values.get("false_rate", self.config.action.false_rate)
        return rate.unsqueeze(-1) if isinstance(rate, Tensor) else rate

    def forward(self, batch: Batch) -> None:
        """The generative process."""
        values = self.globals()
        if own_parts.SITE in values:
            return self._forward_tied(values, batch)
        label = batch["label"]
        verdict = ~label.isnan()
        # Pyro enumerates under a scalar scale only: rows' weights need the marginal form (checked where a fit is set up).
        scale = batch["weight"] * batch.scale if self.form == "marginal" else batch.scale
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=scale):
            reward, propensity = self.reward(values, batch), self.propensity(values, batch)
            if self.form == "marginal":
                pyro.sample("label", self.preference_dist(reward).mask(verdict), obs=label.nan_to_num())
                pyro.sample("action", self.marginal_action_dist(reward, propensity, label, values), obs=batch["action"])
                return
            enumerate_here: Any = {"enumerate": "parallel"} if self.form == "enumerated" else {}
            preference = pyro.sample("preference", self.preference_dist(reward), infer=enumerate_here)
            activity = pyro.sample("activity", self.activity_dist(propensity), infer=enumerate_here)
            pyro.sample("label", dist.Delta(preference).mask(verdict), obs=label.nan_to_num())
            pyro.sample("action", self.action_dist(preference, activity, values), obs=batch["action"])

    def _forward_tied(self, values: Values, batch: Batch) -> None:
        """The rows where some answers are shown several times: what is their own is summed out with the strata, whatever ``form`` says."""
        predictors = [self.reward(values, batch), self.propensity(values, batch)]
        with pyro.plate("rows", len(batch), dim=-1):
            density = self.row_density(batch, own_parts.Exposures.of(batch), values, predictors, values[own_parts.SITE])
            pyro.factor("rows_of_answers", density)

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o | globals)`` of the observed action, explicit labels left out of it.

        Each row for itself: of an answer that is shown several times, too, where the other exposures say nothing yet.
        """
        nothing = torch.full_like(batch["action"], torch.nan)
        return self.marginal_action_dist(self.reward(values, batch), self.propensity(values, batch), nothing, values).log_prob(
            batch["action"]
        )

    def log_odds_given_actions(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit P(r* = 1)`` given the row's action; explicit labels are not looked at."""
        reward, propensity = self.reward(values, batch), self.propensity(values, batch)
        action = batch["action"].expand_as(reward)
        good, bad = (
            self.marginal_action_dist(reward, propensity, torch.full_like(batch["action"], verdict), values).log_prob(action)
            for verdict in (1.0, 0.0)
        )
        return reward + good - bad

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The predictors ``logit γ`` and ``logit μ``; none while trunks are trained, with a learned false rate, or for a subclass' own process."""
        if (
            any(p.requires_grad for p in self.parameters())
            or isinstance(self.config.action.false_rate, Prior)
            or self.process_differs(ImplicitModel)
        ):
            return None
        return implicit_linear_form(self, batch)

    def row_density(
        self,
        batch: Batch,
        exposures: Sequence[own_parts.Exposures],
        values: Values,
        predictors: Sequence[Tensor],
        tau: Tensor | None,
        *,
        held: bool = False,
    ) -> Float[Tensor, "*s n"]:
        """Log density of action and verdict, weighted and scaled; an answer's rows together where it is shown several times."""
        return own_parts.tied_density(partial(self.given, values), batch, exposures, predictors, tau, held=held) * batch.scale

    def given(self, values: Values, rows: Batch, predictors: Sequence[Tensor]) -> Float[Tensor, "*s n"]:
        """Weighted log density of action and verdict of rows whose answers are shown once."""
        reward, propensity, label = predictors[0], known_or(predictors[1], rows), rows["label"]
        density = self.marginal_action_dist(reward, propensity, label, values).log_prob(rows["action"])
        verdict = self.preference_dist(reward).log_prob(label.nan_to_num()).masked_fill(label.isnan(), 0.0)
        return (density + verdict) * rows["weight"]

    def own_spread(self, values: Values) -> Float[Tensor, " s"]:
        """τ, as the log or its prior says it."""
        return own_parts.spread(values, self.config.priors.residual)

    def mirrors(self, values: Values, batch: Batch) -> list[dict[str, Tensor]]:
        """Reward and propensity with their parts exchanged, as far as the two heads see the same things.

        Where they share the embedding, or a covariate, ``γμ`` is the same function with the two swapped.
        """
        shared = [name for name in self.shape.reward_effects if name in self.shape.propensity_effects]
        both = self.propensity_trunk is not None and self.reward_trunk.out_dim == self.propensity_trunk.out_dim
        if not both and not shared:
            return []
        swapped = dict(values)
        if both:
            for mine, other in (("reward_weights", "propensity_weights"), ("propensity_weights", "reward_weights")):
                swapped |= {mine + name.removeprefix(other): value for name, value in values.items() if name.startswith(other)}
        for name in shared:
            i, j = self.shape.reward_effects.index(name), self.shape.propensity_effects.index(name)
            for site, at, value in (
                ("reward_effects", i, values["propensity_effects"][j]),
                ("propensity_effects", j, values["reward_effects"][i]),
            ):
                swapped[site] = swapped[site].clone()
                swapped[site][at] = value
        with torch.no_grad():
            rows = batch.to(dtype=values["base_rate"].dtype)
            swapped["base_rate"] = self.propensity(values, rows).sigmoid().mean().clamp(1e-3, 1 - 1e-3)
            swapped["propensity_intercept"] = self.reward_intercept(values).expand_as(values["propensity_intercept"]).clone()
        return [swapped]

    def level_is_open(self, data: Batch) -> bool:
        """Whether a common factor may pass between γ and μ: not where an experiment has fixed propensities, in enough rows to tell."""
        if "known_propensity" not in data:
            return True
        return int((~data["known_propensity"].isnan()).sum()) < min(ENOUGH, len(data))

    # ---- what the rooms above need to know

    @property
    def exchangeable(self) -> str | None:
        """Each row touches the effect of one user."""
        return "user_activity" if self.shape.users else None

    @contextmanager
    def marginalised(self) -> Iterator[None]:
        """While it is open, the strata are summed out in closed form, whatever ``form`` says."""
        form, self.form = self.form, "marginal"
        try:
            yield
        finally:
            self.form = form

    def local_guide(self, **settings: Any) -> nn.Module:
        """``q(r*, a | h, z, u, o)``; see ``StratumGuide``. Puts the model into its amortised form."""
        self.form = "amortised"
        return StratumGuide(self.shape, self.config.action, **settings)

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {
            "reward_weights": ("reward_feature",),
            "propensity_weights": ("propensity_feature",),
            "reward_effects": ("reward_effect",),
            "propensity_effects": ("propensity_effect",),
            "user_activity": ("user",),
        }

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        features = {"reward_feature": self.reward_trunk}
        if self.propensity_trunk is not None:
            features["propensity_feature"] = self.propensity_trunk
        return {name: [f"h{i}" for i in range(trunk.out_dim)] for name, trunk in features.items()} | {
            "reward_effect": list(self.shape.reward_effects),
            "propensity_effect": list(self.shape.propensity_effects),
            "user": list(self.shape.users),
        }
