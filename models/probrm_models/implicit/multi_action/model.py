"""Several actions a row, all driven by one preference: copied, regenerated, rated, looked at for a while.

Globals of the reward and the users as in ``ImplicitModel``; for a row with propensity covariates ``z`` and user ``u``::

    b_k, v_k ~ N                intercept and effects of action k             propensity_intercept, propensity_effects
    δ_k ~ HalfNormal(2)         what the preference moves a graded action by  action_strength
    σ_k ~ HalfNormal(1)         width of a log-normal action                  action_width
    q_j ~ Beta                  hazards of an ordinal action's levels         level_hazards
    r* ~ Bernoulli(γ)                                                         preference
    η_k = b_k + v_k·z + α_u                                                   b_k = 0 for ordinal ones, α_u in binary ones alone
    binary       o_k ~ Bernoulli(t a), a ~ Bernoulli(σ(η_k))                  t = r*, or 1 − r* for an action against the answer
    ordinal      P(o_k ≤ j) = σ(c_j − η_k − s_k δ_k r*)                       s_k = ±1; c from q, see ``cut_points``
    log-normal   log o_k ~ N(η_k + s_k δ_k r*, σ_k²)                          in standard deviations of the log's log seconds

Where no action is binary, ``α_u`` enters the first one. How much an active user's ratings or reading times differ would have to be
a loading on ``α_u``; a product of two unknowns has a joint mode far from its posterior mean, so there is none.

Actions are independent given ``r*``, which is summed out. What was not observed says nothing. An explicit label is ``r*`` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from probrm.actions import LogBernoulli
from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.heads import last_layer
from probrm.linear import LinearForm
from probrm.model import Values
from probrm.priors.filling import half_normal
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit import own_parts
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel, known_or
from probrm_models.implicit.multi_action.comparison import comparison_log_prob, observe_comparison
from probrm_models.implicit.multi_action.kinds import Action, Binary, Parts, Timed, actions_of
from probrm_models.implicit.multi_action.latent_class import RowActions
from probrm_models.implicit.multi_action.linear import multi_action_linear_form

_STRENGTH, _WIDTH = 2.0, 1.0
"""Scales of the priors of δ and σ: log-odds of an ordinal action, standard deviations of a log-normal one."""


class MultiActionModel(ImplicitModel):
    """The process above as a Pyro model.

    Args:
        shape: with ``actions``.
        config: priors and heads; ``action.false_rate`` is that of every binary action.
        reference: see ``ImplicitModel``.

    A batch has the columns of the implicit model and ``actions (n, K)``, NaN where one was not observed; its ``action (n,)`` is not
    looked at. Answers shown side by side have ``won (n,)`` (1, 0, NaN), ``rival_embedding (n, d)`` and ``rival_reward_covariates (n, m)``.

    Raises:
        ConfigError: strata that are not summed out.
    """

    stick: Tensor

    def __init__(self, shape: LogShape, config: ImplicitConfig | None = None, reference: Batch | None = None) -> None:
        super().__init__(shape, config, reference)
        if self.form != "marginal":
            raise ConfigError(f"model.form: found {self.form!r}; several actions allow: marginal", fix="use --set model.form=marginal")
        self.actions = shape.actions
        self.kinds = actions_of(shape.actions)
        self.graded = [a.spec.column for a in self.kinds if a.strength is not None]
        self.timed = [a.spec.column for a in self.kinds if isinstance(a, Timed)]
        self.with_intercept = [a.spec.column for a in self.kinds if a.intercept is not None]
        binary = [a.spec.column for a in self.kinds if isinstance(a, Binary)]
        self.acted = binary or [a.column for a in self.actions[:1]]  # what users differ in
        left = [len(a.levels) - 1 - j for a in self.actions for j in range(len(a.levels) - 1)]
        self.register_buffer("stick", torch.tensor(left, dtype=torch.get_default_dtype()), persistent=False)

    # ---- the conditionals of the globals

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        priors, shape, count = self.config.priors, self.shape, len(self.actions)
        values = {"base_rate": self.base_rate(), "reward_weights": self.reward_weights()}
        if self.level is not None:
            pyro.factor("level", -self.level(values["base_rate"]))
        if shape.reward_effects:
            values["reward_effects"] = priors.effects.sample("reward_effects", (len(shape.reward_effects),))
        if self.with_intercept:
            values["propensity_intercept"] = priors.intercept.sample("propensity_intercept", (len(self.with_intercept),))
        if shape.propensity_effects:
            values["propensity_effects"] = priors.effects.sample("propensity_effects", (count, len(shape.propensity_effects)))
        if self.propensity_trunk is not None:
            values["propensity_weights"] = priors.weights.sample("propensity_weights", (count, self.propensity_trunk.out_dim))
        if shape.users:
            values["user_activity"] = self.user_activity()
        for name, graded, scale in (("action_strength", self.graded, _STRENGTH), ("action_width", self.timed, _WIDTH)):
            if graded:  # parameters of the likelihood, unlike the scale of a prior: no mark that Newton's steps leave them alone
                values[name] = pyro.sample(name, half_normal(scale).expand((len(graded),)).to_event(1))
        if len(self.stick):
            values["level_hazards"] = pyro.sample("level_hazards", dist.Beta(torch.ones_like(self.stick), self.stick).to_event(1))
        false_rate = self.config.action.sample_false_rate()
        if isinstance(false_rate, Tensor):
            values["false_rate"] = false_rate
        if shape.repeated:
            values[own_parts.SITE] = own_parts.sample_scale(priors.residual)
        return values

    # ---- the linear predictors, for one draw or many

    def propensities(self, values: Values, batch: Batch) -> list[Float[Tensor, "*s n"]]:
        """``η_k`` of each action: the logit of a binary one's propensity, the location of a graded one."""
        activity = self._activity(values, batch)
        found = []
        for k, action in enumerate(self.kinds):
            location = batch["embedding"].new_zeros(len(batch))
            if action.intercept is not None:
                location = location + values["propensity_intercept"][..., action.intercept].unsqueeze(-1)
            if "propensity_effects" in values:
                location = location + values["propensity_effects"][..., k, :] @ batch["propensity_covariates"].T
            if self.propensity_trunk is not None:
                weights = values["propensity_weights"][..., k, :]
                location = location + last_layer(self.propensity_trunk, weights, self.propensity_inputs(batch))
            if activity is not None and action.spec.column in self.acted:
                location = location + activity
            found.append(self.known(action, location, batch))
        return found

    def propensity(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``η`` of the first binary action, or else of the first."""
        first = next((k for k, action in enumerate(self.kinds) if isinstance(action, Binary)), 0)
        return self.propensities(values, batch)[first]

    def known(self, action: Action, location: Tensor, batch: Batch) -> Tensor:
        """The location with what an experiment knows of it: of one action; a log with more of them has no such column."""
        return known_or(location, batch) if len(self.kinds) == 1 and isinstance(action, Binary) else location

    def _activity(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"] | None:
        if "user_activity" not in values:
            return None
        return self.with_new_users(values["user_activity"], values, batch).index_select(-1, batch["user"])

    # ---- the conditionals of a row

    def rows_dist(
        self, reward: Tensor, locations: Sequence[Tensor], parts: Sequence[Parts], label: Float[Tensor, " n"], false_rate: Tensor | float
    ) -> RowActions:
        """``o_1 … o_K`` with the preference summed out; an explicit label (``label`` not NaN) fixes it."""
        log_good = F.logsigmoid(reward).masked_fill(label == 1, 0.0).masked_fill(label == 0, -torch.inf)
        log_bad = F.logsigmoid(-reward).masked_fill(label == 0, 0.0).masked_fill(label == 1, -torch.inf)
        click, each = self.config.action, list(zip(self.kinds, locations, parts, strict=True))
        good, bad = ([a.given(location, preferred, own, click, false_rate) for a, location, own in each] for preferred in (True, False))
        return RowActions(LogBernoulli(log_good, log_bad), good, bad)

    def actions_dist(self, values: Values, batch: Batch, label: Float[Tensor, " n"]) -> RowActions:
        """``o_1 … o_K | h, z, u``."""
        reward, locations = self.reward(values, batch), self.propensities(values, batch)
        return self.rows_dist(reward, locations, [a.parts(values) for a in self.kinds], label, self._false_rate(values))

    def forward(self, batch: Batch) -> None:
        """The generative process."""
        values, label = self.globals(), batch["label"]
        if own_parts.SITE in values:
            return self._forward_tied(values, batch)
        reward, actions = self.reward(values, batch), self.actions_dist(values, batch, label)
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch["weight"] * batch.scale):
            pyro.sample("label", self.preference_dist(reward).mask(~label.isnan()), obs=label.nan_to_num())
            pyro.sample("actions", actions, obs=batch["actions"])
            observe_comparison(self, values, batch)

    def _forward_tied(self, values: Values, batch: Batch) -> None:
        """The rows where some answers are shown several times; what is their own takes no part in comparisons."""
        parts, false_rate = [a.parts(values) for a in self.kinds], self._false_rate(values)
        predictors = [self.reward(values, batch), *self.propensities(values, batch)]
        with pyro.plate("rows", len(batch), dim=-1):
            density = self.tied(batch, own_parts.Exposures.of(batch), predictors, parts, false_rate, values[own_parts.SITE])
            pyro.factor("rows_of_answers", density * batch.scale)
            with poutine.scale(scale=batch["weight"] * batch.scale):
                observe_comparison(self, values, batch)

    def tied(
        self,
        batch: Batch,
        exposures: Sequence[own_parts.Exposures],
        predictors: Sequence[Tensor],
        parts: Sequence[Parts],
        false_rate: Tensor | float,
        tau: Tensor | None,
        *,
        held: bool = False,
    ) -> Float[Tensor, "*s n"]:
        """Weighted log densities of actions and verdicts, an answer's rows together where it is shown several times.

        Args:
            batch: the rows.
            exposures: of the batch.
            predictors: reward and locations.
            parts: of the actions.
            false_rate: of clicks.
            tau: deviation of the answers' own parts.
            held: see ``own_parts.Exposures.log_density``.
        """

        def given(rows: Batch, predictors: Sequence[Tensor]) -> Tensor:
            reward, label = predictors[0], rows["label"]
            found = self.rows_dist(reward, predictors[1:], parts, label, false_rate).log_prob(rows["actions"])
            verdict = self.preference_dist(reward).log_prob(label.nan_to_num()).masked_fill(label.isnan(), 0.0)
            return (found + verdict) * rows["weight"]

        return own_parts.tied_density(given, batch, exposures, predictors, tau, held=held)

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log p(o_1 … o_K, comparison | globals)``, explicit labels left out of it."""
        nothing = torch.full_like(batch["label"], torch.nan)
        actions = self.actions_dist(values, batch, nothing).log_prob(batch["actions"])
        return actions + comparison_log_prob(self, values, batch)

    @torch.no_grad()
    def replicate(self, values: Values, batch: Batch) -> dict[str, Float[Tensor, "s n"]]:
        """New actions by their columns' names, all of them observed; comparisons are not drawn again."""
        drawn = self.actions_dist(values, batch, torch.full_like(batch["label"], torch.nan)).sample()
        return {action.column: drawn[..., k] for k, action in enumerate(self.actions)}

    def log_odds_given_actions(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit P(r* = 1)`` given the row's actions; verdicts and comparisons are not looked at."""
        nothing = torch.full_like(batch["label"], torch.nan)
        return torch.logit(self.actions_dist(values, batch, nothing).posterior(batch["actions"]), eps=1e-9)

    def level_is_open(self, data: Batch) -> bool:
        """Two actions and more, independent given one preference, fix its level by how often they come together."""
        return len(self.actions) < 2 and super().level_is_open(data)

    def mirrors(self, values: Values, batch: Batch) -> list[dict[str, Tensor]]:
        """None: one preference has to explain all actions, or the comparisons beside a single one."""
        return []

    def preference_posterior(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``P(r* = 1 | everything observed in the row, globals)``, verdicts included."""
        return self.actions_dist(values, batch, batch["label"]).posterior(batch["actions"])

    # ---- what the rooms above need to know

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The rows' predictors; none with trunks."""
        return multi_action_linear_form(self, batch) if self.linear else None

    def local_guide(self, **settings: Any) -> nn.Module:
        """There is none.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "guide: 'amortised' works on the four strata of a single action; several actions have their preference summed out",
            fix="use --guide auto-normal",
        )

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return super().dims() | {
            "propensity_intercept": ("intercept_action",),
            "propensity_effects": ("action", "propensity_effect"),
            "propensity_weights": ("action", "propensity_feature"),
            "action_strength": ("graded_action",),
            "action_width": ("timed_action",),
            "level_hazards": ("level",),
        }

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        return super().coords() | {
            "action": [a.column for a in self.actions],
            "intercept_action": self.with_intercept,
            "graded_action": self.graded,
            "timed_action": self.timed,
            "level": [f"{a.column}={level}" for a in self.actions for level in a.levels[:-1]],
        }


def build_implicit(shape: LogShape, config: ImplicitConfig | None = None, reference: Batch | None = None) -> ImplicitModel:
    """The implicit model that fits a shape: of several kinds of actions where there are some, else of the single one."""
    return (MultiActionModel if shape.actions else ImplicitModel)(shape, config, reference)


def implicit_from_spec(spec: Mapping[str, Any]) -> ImplicitModel:
    """The inverse of either model's ``spec``; trunks have fresh parameters until they are loaded."""
    return (MultiActionModel if spec["shape"].get("actions") else ImplicitModel).from_spec(spec)
