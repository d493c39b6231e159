"""The Bradley–Terry reward model: one reward a response, and pairs are won by the difference of two (Bradley & Terry 1952).

::

    s ~ HalfNormal(4), w ~ N(0, s²)      weights over the embedding h                  reward_weights_scale, reward_weights
    log ν ~ N(0, 1)                      how readily a pair is called a tie            log_tie (where there are ties)
    r = w·φ(h)                           φ: the identity, or an MLP trunk
    o ~ Bernoulli(σ(r − r'))             with ties Davidson's (1970) three outcomes    preference

Rewards are centred so that the responses of the fit have reward 0 on average: only differences are observed, so the level is a
convention. Embeddings come standardised over those responses, which makes it so for the identity; for an MLP ``centre_on`` does it.

What an embedding does not tell about a response's reward is the same in all its pairs, and the model has no place for it: taken for
independent, many pairs of few responses make it far too sure (and the scale s, estimated from them, far too large). A batch may
therefore say what ``share`` of itself each pair counts for, a composite likelihood (Varin, Reid & Firth 2011).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.actions import Preference
from probrm.data.batch import Batch
from probrm.heads import build_trunk, last_layer
from probrm.linear import LinearForm
from probrm.model import Values
from probrm.recipes.pairs.model import PairModel, row_weight
from probrm.recipes.pairs.shape import PairShape
from probrm.settings import Settings
from probrm_models.bradley_terry.config import BradleyTerryConfig


class BradleyTerryModel(PairModel):
    """The process above as a Pyro model.

    Args:
        shape: how many inputs there are, and whether pairs may be ties.
        config: priors and head.
    """

    kind = "bradley-terry"
    config_class: ClassVar[type[Settings]] = BradleyTerryConfig
    shape: PairShape
    config: BradleyTerryConfig
    origin: Tensor

    def __init__(self, shape: PairShape, config: BradleyTerryConfig | None = None) -> None:
        super().__init__(shape, config)
        self.trunk = build_trunk(self.config.head, shape.embedding)
        self.register_buffer("origin", torch.zeros(self.trunk.out_dim))

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        values = {"reward_weights": self.config.priors.weights.sample("reward_weights", (self.trunk.out_dim,))}
        if self.shape.ties:
            values["log_tie"] = self.config.priors.log_tie.sample("log_tie")
        return values

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``w·(φ(h) − mean of φ over the fitted responses)``; of pairs, the chosen response's."""
        response = batch["response"] if "response" in batch else batch["chosen"]
        weights = values["reward_weights"]
        return last_layer(self.trunk, weights, response) - (weights @ self.origin).unsqueeze(-1)

    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``r_chosen − r_rejected``."""
        weights = values["reward_weights"]
        return last_layer(self.trunk, weights, batch["chosen"]) - last_layer(self.trunk, weights, batch["rejected"])

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The difference of the rewards, and log ν where there are ties; None with a trunk or for a subclass' own process."""
        if not self.linear or self.process_differs(BradleyTerryModel):
            return None
        names = ["reward_weights", *(["log_tie"] if self.shape.ties else [])]
        designs = [self.trunk(batch["chosen"]) - self.trunk(batch["rejected"]), torch.ones_like(batch["outcome"])[:, None]]
        weight = row_weight(batch) * batch.scale

        def density(predictors: Float[Tensor, "q n"]) -> Float[Tensor, " n"]:
            return Preference(predictors[0], predictors[1] if self.shape.ties else None).log_prob(batch["outcome"]) * weight

        return LinearForm(designs[: len(names)], lambda values: [torch.atleast_1d(values[name]) for name in names], density)

    @torch.no_grad()
    def centre_on(self, batch: Batch) -> None:
        """Makes 0 the mean reward of the distinct responses of these pairs, whatever the weights.

        Args:
            batch: n pairs with the columns ``chosen_index`` and ``rejected_index (n,)``.
        """
        index = torch.cat([batch["chosen_index"], batch["rejected_index"]])
        features = self.trunk(torch.cat([batch["chosen"], batch["rejected"]]))
        count = index.bincount()
        self.origin.copy_((features / count[index, None]).sum(0) / (count > 0).sum())

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {"reward_weights": ("reward_feature",)}

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        return {"reward_feature": [f"h{i}" for i in range(self.trunk.out_dim)]}


class DeterministicModel(BradleyTerryModel):
    """The same reward with weights that are known: what a reward model usually is. Only its name differs."""

    kind = "deterministic"
