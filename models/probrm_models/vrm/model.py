"""The variational reward model: a preference weighs several objectives over features of the response (VRM, arXiv 2603.04974).

Generative process, for a pair with the prompt's embedding ``x`` and the responses' embeddings ``h``::

    v ~ N(0, s²)                     what all objectives have in common, weights over h             shared
    C ~ N(0, c²)                     in what they differ; V_k = v + Σ_i R_ki C_i                    contrasts
    τ ~ HalfNormal                   what h does not tell of a response                            residual
    A ~ N(0, 1)                      what prompts weigh, K − 1 weights over x and a one each       gate
    w ~ Dirichlet(κ softmax(R A x))  weights of the objectives, one vector a prompt                weights
    ε ~ N(0, I)                      a response's own part of each score, one vector a response    chosen_features, rejected_features
    s = V h + τ ε                    score of each objective
    o ~ Bernoulli(σ(r − r'))         r = Σ_k w_k s_k                                               preference

R is orthonormal, its K − 1 columns orthogonal to the constant vector, so that the objectives are alike a priori and v is
their mean. c has a prior: where it shrinks to zero the objectives are one and the weights do not matter, which is
Bradley–Terry with an effect of each response.

Where A is not a latent, ``w ~ Dirichlet(α_φ(x))`` with a network φ (``weights.gate = "network"``).

That is the default, with semantic features ``z = s``: a normal whose mean is linear in the embedding. As published,
``w ~ Dirichlet(α0)`` whatever the prompt, ``z ~ N(μ0, σ0²)`` whatever the response, and ``s = V z``, or ``r`` is a
network's output on ``[w, z]`` (``weights.prior`` and ``features.prior = "standard"``, ``decoder.name``). docs/vrm.md says
what is the matter with that.

What a prompt weighs is known through the amortised posterior ``q(w | x)`` only, and with the standard prior the same
goes for ``q(z | x, y)``: both networks are parts of this module, since predictions for new prompts and responses come
from them. The guide of training rows is in ``row_guide``.

In its marginal form what belongs to a row is summed out, the networks' densities standing for what is known of it
(``marginal``): then Laplace's approximation and NUTS know the globals as they know any other model's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar, Literal

import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.heads import HeadConfig, build_trunk
from probrm.linear import LinearForm
from probrm.model import Values
from probrm.process import Statements
from probrm.recipes.pairs.model import PairModel, row_weight
from probrm.settings import Settings
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.marginal import linear_form, log_likelihoods, row_density
from probrm_models.vrm.networks import AmortisedFeatures, DirichletWeights, build_weights, contrast_basis
from probrm_models.vrm.predictions import many, reward_draws
from probrm_models.vrm.supervision import supervision_loss, targets

_NO_SCALE: Any = {"hyper": False}


class VRMModel(PairModel):
    """The process above as a Pyro model.

    Args:
        shape: how many inputs there are, and what the objectives are called.
        config: priors, decoder, supervision.

    A batch of pairs has the columns ``prompt (n, p)``, ``chosen (n, d)``, ``rejected (n, d)``, ``outcome (n,)`` and
    ``weight (n,)``; where attributes are scored ``scores (n, k)``, standardised, of the chosen response. Training rows
    have ``prompt_share``, ``chosen_share`` and ``rejected_share (n,)`` too: one over the number of rows that a prompt or
    response is in, so that over all rows each latent's divergence counts once.
    """

    kind = "vrm"
    shape_class: ClassVar[type[Settings]] = VRMShape
    config_class: ClassVar[type[Settings]] = VRMConfig
    shape: VRMShape
    config: VRMConfig
    uses_prompts = True
    draws_rows = True
    rotation: Tensor

    def __init__(self, shape: VRMShape, config: VRMConfig | None = None) -> None:
        super().__init__(shape, config)
        features, decoder = self.config.features, self.config.decoder
        self.count = len(shape.objectives)
        self.gated = self.config.weights.gate == "latent" and self.count > 1
        self.standard = features.prior == "standard"
        self.dim = features.dim if self.standard else self.count
        self.weights = build_weights(self.config.weights, shape.prompt, self.count)
        self.features = AmortisedFeatures(features, shape.embedding, self.dim) if self.standard else None
        self.trunk = build_trunk(HeadConfig("mlp", decoder.hidden), self.count + self.dim) if decoder.name == "mlp" else None
        self.inputs = build_trunk(HeadConfig(), shape.embedding)
        self.register_buffer("rotation", contrast_basis(self.count))
        self.form: Literal["latent", "marginal"] = "latent"

    # ---- the conditionals of the globals

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        priors, values = self.config.priors, {}
        if self.trunk is not None:
            values["decoder"] = priors.decoder.sample("decoder", (self.trunk.out_dim,))
        else:
            columns = self.dim if self.standard else self.shape.embedding
            values["shared"] = priors.shared.sample("shared", (columns,))
            if self.count > 1:
                values["contrasts"] = priors.contrasts.sample("contrasts", (self.count - 1, columns))
        if self.gated:
            values["gate"] = priors.gate.sample("gate", (self.count - 1, self.shape.prompt + 1))
        if not self.standard:
            # No prior's scale in the marginal form, but a parameter of the likelihood: the evidence of a prior does not tell it.
            with poutine.infer_config(config_fn=lambda site: _NO_SCALE) if self.form == "marginal" else nullcontext():
                values["residual"] = priors.residual.sample("residual")
        if self.shape.ties:
            values["log_tie"] = priors.log_tie.sample("log_tie")
        return values

    # ---- the conditionals of a row

    def weights_prior(self, x: Float[Tensor, "n p"], values: Values) -> Any:
        """``w | x`` of n prompts."""
        return self.weights_given(x, values) if self.config.weights.prior == "embedding" else self.weights.prior(len(x), x)

    def weights_given(self, x: Float[Tensor, "n p"], values: Values) -> Any:
        """What is known of n prompts' weights given the globals."""
        return (
            self.weights.posterior(x, values["gate"])
            if isinstance(self.weights, DirichletWeights) and self.gated
            else self.weights.posterior(x)
        )

    def features_prior(self, n: int, like: Tensor) -> Any:
        """Of z (``standard``), or of the residual ε of the scores (``embedding``); event shape ``(dim,)``."""
        loc, scale = (self.config.features.loc, self.config.features.scale) if self.standard else (0.0, 1.0)
        return dist.Normal(like.new_full((n, self.dim), loc), like.new_full((), scale)).to_event(1)  # numbers would be copied to a GPU

    def objectives(self, values: Values) -> Float[Tensor, "*s k d"]:
        """``V``: each objective's weights over the embedding, or with the ``standard`` prior over z."""
        shared = values["shared"].unsqueeze(-2)
        found = shared + self.rotation.to(shared) @ values["contrasts"] if self.count > 1 else shared
        return found if self.config.features.squared_length is None else self.stretch(values["residual"])[..., None, None] * found

    def stretch(self, residual: Tensor) -> Tensor:
        """By how much a logit of two responses shrinks when what is their own is averaged over: ``√(1 + π E|w|² τ² / 4)`` (MacKay 1992)."""
        length = self.config.features.squared_length
        return torch.ones_like(residual) if length is None else (1 + math.pi / 4 * length * residual.square()).sqrt()

    def decoder(self, values: Values) -> Callable[[Tensor, Tensor, Tensor], Float[Tensor, " n"]]:
        """From weights, features and embeddings of n responses to their rewards, given one draw of the globals."""
        if self.trunk is not None:
            trunk = self.trunk
            return lambda weights, features, embedding: trunk(torch.cat([weights, features], -1)) @ values["decoder"]
        objectives = self.objectives(values).T

        def decode(weights: Tensor, features: Tensor, embedding: Tensor) -> Tensor:
            scores = features @ objectives if self.standard else self.inputs(embedding) @ objectives + values["residual"] * features
            return (weights * scores).sum(-1)

        return decode

    def rows(self, values: Values, batch: Batch, statements: Statements) -> None:
        """What belongs to the rows, given one draw of the globals."""
        if self.form == "marginal":
            statements.factor("preference", row_density(self, values, batch), scale=row_weight(batch) * batch.scale)
            return
        weights = self.weights.weights(
            statements.sample(
                self.weights.site,
                partial(self.weights_prior, batch["prompt"], values),
                scale=self._share("prompt", batch),
                as_guide=self.config.weights.prior == "embedding",
            )
        )
        decode, rewards = self.decoder(values), []
        for side in ("chosen", "rejected"):
            h = batch[side]
            prior = partial(self.features_prior, len(batch), h)
            features = statements.sample(f"{side}_features", prior, scale=self._share(side, batch))
            rewards.append(decode(weights, features, h))
        preference, scale = partial(self.preference_dist, rewards[0] - rewards[1], values), batch["weight"] * batch.scale
        statements.sample("preference", preference, scale=scale, obs=batch["outcome"])
        supervision = self.config.supervision
        if "scores" in batch and supervision.weight and supervision.loss != "none":
            loss = supervision_loss(weights, targets(batch["scores"]), supervision.loss)
            statements.factor("supervision", -supervision.weight * loss, scale=scale)

    def _share(self, what: str, batch: Batch) -> Any:
        name = f"{what}_share"
        return batch[name] * batch.scale if name in batch and self.config.divergence.per == "latent" else batch.scale

    # ---- predictions, for one draw of the globals or many

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """Rewards of single responses: draws of the prompt's weights and of the response's features besides the globals'.

        Of pairs, the chosen response's.
        """
        full, one = many(values)
        reward = reward_draws(self, full, batch, ("response" if "response" in batch else "chosen",))[0]
        return reward[0] if one else reward

    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``r_chosen − r_rejected`` under the same draw of the prompt's weights."""
        full, one = many(values)
        chosen, rejected = reward_draws(self, full, batch, ("chosen", "rejected"))
        return (chosen - rejected)[0] if one else chosen - rejected

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o | globals)``: the prompt's weights and what is the responses' own summed out, each pair by itself."""
        full, one = many(values)
        density = log_likelihoods(self, full, batch)
        return density[0] if one else density

    @property
    def linear(self) -> bool:
        """In the marginal form: the networks are fixed, and the likelihood depends on a few predictors."""
        return self.form == "marginal" and self.trunk is None

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The predictors of the marginal form; None for a subclass' own process."""
        return None if self.process_differs(VRMModel) else linear_form(self, batch)

    @contextmanager
    def marginalised(self) -> Iterator[None]:
        """While it is open, what belongs to a row is summed out; bilinear decoders only.

        Raises:
            NotImplementedError: the decoder is a network.
        """
        if self.trunk is not None:
            raise NotImplementedError("a network decoder leaves the difference of two rewards no density in closed form")
        form, self.form = self.form, "marginal"
        try:
            yield
        finally:
            self.form = form

    # ---- what the rooms above need to know

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {
            "shared": ("feature",),
            "contrasts": ("contrast", "feature"),
            "gate": ("contrast", "prompt_feature"),
            "decoder": ("decoder_feature",),
        }

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        columns = self.dim if self.standard else self.shape.embedding
        found = {
            "contrast": [f"c{i + 1}" for i in range(self.count - 1)],
            "feature": [f"{'z' if self.standard else 'h'}{i}" for i in range(columns)],
            "prompt_feature": [*(f"x{i}" for i in range(self.shape.prompt)), "one"],
        }
        return found | ({"decoder_feature": [f"f{i}" for i in range(self.trunk.out_dim)]} if self.trunk is not None else {})
