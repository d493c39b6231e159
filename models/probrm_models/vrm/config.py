"""What can be set on the variational reward model, and the shape of its inputs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from probrm.bounds import Few, Finite, NonNegative, Positive, Size, Sizes
from probrm.priors import HalfNormal, Normal, PriorSlot
from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class WeightsConfig:
    """The objective weights ``w`` of a prompt, on the simplex of K objectives.

    Attributes:
        family: ``dirichlet``, or ``logistic-normal``: a softmax of independent normals.
        concentration: α0 of the Dirichlet, the same for each objective; of the network before training.
        scale: standard deviation of the logistic-normal's logits, whose mean is 0; of the network before training.
        hidden: hidden layers of the network from the prompt's embedding; none makes it linear.
        precision: κ: with the ``embedding`` prior w | x ~ Dirichlet(κ softmax(network(x)) + 0.05), so that the network gives the mean and κ
            how far single prompts are from it; None: the network gives the concentrations themselves.
        gate: ``network``: one network, trained beside the guide; ``latent``: a linear one whose weights and biases are latents, with a prior
            (``model.priors.gate``) and a posterior. A fit sets it where it uses several objectives of the prompt's embedding.
        prior: ``embedding``: w ~ Dirichlet(α_φ(x)), the network of the prompt's embedding being part of the process;
            ``standard``: w ~ Dirichlet(α0) whatever the prompt, as published, so that whatever a prompt's weights are
            known by costs its divergence.
    """

    family: Literal["dirichlet", "logistic-normal"] = "dirichlet"
    concentration: Positive = 1.0
    scale: Positive = 1.0
    hidden: Sizes = ()
    precision: Positive | None = None
    gate: Literal["network", "latent"] = "network"
    prior: Literal["embedding", "standard"] = "embedding"


@dataclass(frozen=True, config=STRICT)
class FeaturesConfig:
    """The semantic features ``z`` of a response.

    Attributes:
        prior: ``embedding``: z ~ N(V h, τ²), one feature an objective, its mean linear in the response's embedding h with
            weights V that are latent too; ``standard``: z ~ N(μ0, σ0²) whatever the response, as published, so that all
            that is known of a response comes from the network ``q(z | x, y)``.
        dim: number of features with the ``standard`` prior; with ``embedding`` it is the number of objectives.
        loc: μ0.
        scale: σ0.
        hidden: hidden layers of the network from the response's embedding to ``q(z | x, y)``; none makes it linear.
        squared_length: E|w|² of a prompt's weights, 1 of one objective. With it v and C tell of *average* responses: scores grow with τ as much as
            τ's average over responses shrinks a logit (``VRMModel.stretch``), so that what the data tell of the average says nothing of τ, and
            τ is known by responses in several pairs and by its prior alone. None: v and C tell of the response itself. A fit sets it.
    """

    prior: Literal["embedding", "standard"] = "embedding"
    dim: Size = 16
    loc: Finite = 0.0
    scale: Positive = 1.0
    hidden: Sizes = ()
    squared_length: Positive | None = None


@dataclass(frozen=True, config=STRICT)
class DecoderConfig:
    """From ``w`` and ``z`` to the reward.

    Attributes:
        name: ``bilinear``: r = Σ_k w_k s_k(z), s linear in z; ``mlp``: a network on [w, z] with a Bayesian last layer
            (``standard`` features only).
        hidden: hidden layers of ``mlp``.
    """

    name: Literal["bilinear", "mlp"] = "bilinear"
    hidden: Sizes = Field(default=(64,), min_length=1)


@dataclass(frozen=True, config=STRICT)
class SupervisionConfig:
    """Attribute scores as a target for ``w``.

    Attributes:
        loss: ``kl``, ``mse``, ``rank`` or ``none``.
        weight: λ; 0 switches it off.
    """

    loss: Literal["kl", "mse", "rank", "none"] = "kl"
    weight: NonNegative = 0.1


@dataclass(frozen=True, config=STRICT)
class DivergenceConfig:
    """How the latents' Kullback–Leibler terms count.

    Attributes:
        weight: β.
        warmup: steps over which β rises from 0.
        free_bits: nats a dimension that cost the same whether they are used or not.
        per: ``latent``: a prompt's weights and a response's features pay once, however many pairs they are in; ``pair``: in
            every pair, as published.
    """

    weight: Positive = 1.0
    warmup: int = Field(default=0, ge=0, le=10**9)
    free_bits: NonNegative = 0.0
    per: Literal["latent", "pair"] = "latent"


@dataclass(frozen=True, config=STRICT)
class VRMPriors:
    """Priors of the global latents, by slot.

    Attributes:
        shared: v, the mean of the objectives' weights over features or embedding; their scale is that of a reward, a logit.
        contrasts: C, in what the objectives differ.
        gate: A, from a prompt's embedding and a one to the weights' logits, along each contrast (``weights.gate = "latent"``).
        residual: τ, what the embedding does not tell about a response's score (``embedding`` features).
        decoder: last-layer weights of the ``mlp`` decoder.
        log_tie: log ν of Davidson's model of ties.
    """

    shared: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(4.0)))
    contrasts: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(4.0)))
    gate: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.0))
    residual: PriorSlot = Field(default_factory=lambda: HalfNormal(1.0))
    decoder: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(4.0)))
    log_tie: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.0))


@dataclass(frozen=True, config=STRICT)
class VRMConfig(Settings):
    """Settings of the variational reward model (the ``[model]`` table).

    Attributes:
        objectives: K; None takes the attributes of the data, or what predicts best of 2 and 4 without any.
        selection: ``auto`` uses several objectives where five folds over the prompts predict better with them, and else one, which is
            Bradley–Terry; ``objectives`` (and a number in ``objectives``) and ``one`` force either. It applies to linear networks of the prompt's embedding.
        certificate: works out PAC-Bayes bounds on the error; from a few thousand pairs they say more than "vacuous".
    """

    objectives: Few | None = None
    selection: Literal["auto", "objectives", "one"] = "auto"
    weights: WeightsConfig = Field(default_factory=WeightsConfig)
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    decoder: DecoderConfig = Field(default_factory=DecoderConfig)
    supervision: SupervisionConfig = Field(default_factory=SupervisionConfig)
    divergence: DivergenceConfig = Field(default_factory=DivergenceConfig)
    priors: VRMPriors = Field(default_factory=VRMPriors)
    certificate: bool = False

    def __post_init__(self) -> None:
        if self.decoder.name == "mlp" and self.features.prior != "standard":
            raise ValueError(
                'decoder.name = "mlp" needs features.prior = "standard": with "embedding" each feature is an objective\'s score'
            )
        w = self.weights
        fits = w.family == "dirichlet" and w.precision is not None and not w.hidden and w.prior == self.features.prior == "embedding"
        if w.gate == "latent" and not fits:
            raise ValueError(
                'weights.gate = "latent" needs weights.precision, no weights.hidden, weights.family = "dirichlet", and "embedding" for '
                "weights.prior and features.prior"
            )


@dataclass(frozen=True, config=STRICT)
class VRMShape(Settings):
    """The inputs of a variational reward model.

    Attributes:
        embedding: columns of a response's embedding.
        prompt: columns of a prompt's.
        objectives: their names; the first ones are the data's attributes.
        attributes: how many of them are attributes with scores.
        ties: whether pairs may be ties.
    """

    embedding: int
    prompt: int
    objectives: tuple[str, ...]
    attributes: int = 0
    ties: bool = False
