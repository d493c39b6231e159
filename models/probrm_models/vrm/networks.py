"""The amortised posteriors of the variational reward model: networks from embeddings to densities of w and z."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.special import betaincinv, ndtri
from torch import Tensor, nn

from probrm_models.vrm.config import FeaturesConfig, WeightsConfig

FLOOR = 0.05
"""Least concentration of a Dirichlet: the gradient of a draw grows like its inverse square (6 at 0.1, 4e6 at 1e-4)."""
_ABOVE = 1e-3
"""By which the prior's concentration is above that at least, so that a network can give it."""
_LARGEST = 10.0
"""Logarithm of the largest concentration over the prior's: weights are then known to a hundredth."""
GAIN = 6.0
"""Of a linear network on n standardised inputs over √n: Adam moves each weight by the learning rate, so an output by a few hundredths."""

_DRAWS = 200
"""For means that have no closed form."""


def _raw(value: float) -> float:
    """The inverse of softplus."""
    return value + math.log(-math.expm1(-value))


class Network(nn.Module):
    """Standardised inputs → outputs that are zero before training: linear, or a perceptron with GELU.

    Args:
        inputs: how many.
        outputs: how many.
        hidden: sizes of hidden layers; none for a linear map.
        spread: standard deviation of the last layer's first weights, 0 for outputs that start equal.
    """

    def __init__(self, inputs: int, outputs: int, hidden: tuple[int, ...], spread: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise((inputs, *hidden, outputs)))
        last: Any = self.layers[-1]
        nn.init.normal_(last.weight, std=spread) if spread else nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self._scale = 1.0 if hidden else GAIN / inputs**0.5

    def forward(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        """Outputs of n inputs."""
        *inner, last = self.layers
        x = x * self._scale
        for layer in inner:
            x = F.gelu(layer(x))
        return last(x)


class DirichletWeights(nn.Module):
    """``w ~ Dirichlet(α0)``, ``q(w | x) = Dirichlet(α_φ(x))``, which equals the prior before training; α is at least ``FLOOR``."""

    site = "weights"

    rotation: Tensor

    def __init__(self, config: WeightsConfig, prompt: int, objectives: int) -> None:
        super().__init__()
        self.objectives, self.concentration = objectives, max(config.concentration, FLOOR + _ABOVE)
        self.precision = config.precision if config.prior == "embedding" else None
        self.network = Network(prompt, objectives, config.hidden)
        self.latent = config.gate == "latent"
        if self.latent:
            self.network.requires_grad_(False)  # it holds the posterior's mean
        self.register_buffer("rotation", contrast_basis(objectives), persistent=False)

    @property
    def dims(self) -> int:
        """Uniform numbers that a draw is made of in ``transport``."""
        return self.objectives - 1

    @torch.no_grad()
    def transport(self, x: Float[Tensor, "n p"], uniform: Float[Tensor, "n m u"]) -> Float[Tensor, "n m k"]:
        """Weights of n prompts that are distributed as ``q(w | x)`` where ``uniform`` is so on the unit cube: sticks broken by betas."""
        a = self.posterior(x.to(next(self.network.parameters()))).concentration.double().cpu()
        rest = a.flip(-1).cumsum(-1).flip(-1)[:, 1:]
        broken = torch.from_numpy(betaincinv(a[:, None, :-1].numpy(), rest[:, None].numpy(), uniform.numpy()))
        left = (1 - broken).cumprod(-1)
        ones = torch.ones_like(left[..., :1])
        return torch.cat([broken, ones], -1) * torch.cat([ones, left], -1)

    def prior(self, n: int, like: Tensor) -> Any:
        """Of n rows, event shape ``(K,)``."""
        return dist.Dirichlet(torch.full((n, self.objectives), self.concentration, dtype=like.dtype, device=like.device))

    def posterior(self, x: Float[Tensor, "n p"], gate: Float[Tensor, "*s c p1"] | None = None) -> Any:
        """``q(w | x)`` of n prompts, event shape ``(K,)``.

        Args:
            x: the prompts.
            gate: draws of A; None takes the network.
        """
        return dist.Dirichlet(self.alpha(x, gate))

    def alpha(self, x: Float[Tensor, "n p"], gate: Float[Tensor, "*s c p1"] | None = None) -> Float[Tensor, "*s n k"]:
        """Concentrations: their mean is near a softmax of the network's outputs, which softplus for exp could not give."""
        if gate is not None:
            turned = gate[..., :-1] @ (x / x.shape[-1] ** 0.5).T + gate[..., -1:]
            return self.alpha_at((self.rotation.to(turned) @ turned).mT)
        return self.alpha_at(self.network(x))

    def alpha_at(self, logits: Float[Tensor, "*s n k"]) -> Float[Tensor, "*s n k"]:
        """Concentrations of logits."""
        if self.precision is not None:
            return FLOOR + self.precision * logits.softmax(-1)
        return FLOOR + (self.concentration - FLOOR) * logits.clamp(max=_LARGEST).exp()

    @torch.no_grad()
    def set_gate(self, gate: Float[Tensor, "c p1"]) -> None:
        """Makes the network the one of this A."""
        last: Any = self.network.layers[-1]
        last.weight.copy_(self.rotation @ gate[:, :-1] / GAIN)
        last.bias.copy_(self.rotation @ gate[:, -1])

    def mean(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n k"]:
        """Expected weights of n prompts under ``q(w | x)``."""
        return self.posterior(x).mean

    @staticmethod
    def weights(latent: Tensor) -> Float[Tensor, "*s k"]:
        """The weights that a draw stands for: itself."""
        return latent


class LogisticNormalWeights(nn.Module):
    """``w = softmax(η)``, ``η ~ N(0, s² I)``, ``q(η | x)`` a diagonal normal (Aitchison & Shen 1980). A third of the Dirichlet's time."""

    site = "weight_logits"

    def __init__(self, config: WeightsConfig, prompt: int, objectives: int) -> None:
        super().__init__()
        self.objectives, self.scale = objectives, config.scale
        self.network = Network(prompt, 2 * objectives, config.hidden)

    @property
    def dims(self) -> int:
        """Uniform numbers that a draw is made of in ``transport``."""
        return self.objectives

    @torch.no_grad()
    def transport(self, x: Float[Tensor, "n p"], uniform: Float[Tensor, "n m u"]) -> Float[Tensor, "n m k"]:
        """Weights of n prompts that are distributed as ``q(w | x)`` where ``uniform`` is so on the unit cube."""
        q = self.posterior(x.to(next(self.network.parameters()))).base_dist
        noise = torch.from_numpy(ndtri(uniform.numpy()))
        return (q.loc.double().cpu()[:, None] + q.scale.double().cpu()[:, None] * noise).softmax(-1)

    def prior(self, n: int, like: Tensor) -> Any:
        """Of n rows, event shape ``(K,)``."""
        return dist.Normal(like.new_zeros(n, self.objectives), like.new_full((), self.scale)).to_event(1)

    def posterior(self, x: Float[Tensor, "n p"]) -> Any:
        """``q(η | x)`` of n prompts."""
        loc, raw = self.network(x).chunk(2, -1)
        return dist.Normal(loc, F.softplus(raw + _raw(self.scale))).to_event(1)

    def mean(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n k"]:
        """Expected weights of n prompts under ``q(w | x)``, from the same normal draws for each: equal posteriors have equal means."""
        q = self.posterior(x).base_dist
        noise = torch.randn(_DRAWS, 1, self.objectives, generator=torch.Generator("cpu").manual_seed(0), device="cpu").to(q.loc)
        return (q.loc + q.scale * noise).softmax(-1).mean(0)

    @staticmethod
    def weights(latent: Tensor) -> Float[Tensor, "*s k"]:
        """The weights that a draw stands for: its softmax."""
        return latent.softmax(-1)


class AmortisedFeatures(nn.Module):
    """``q(z | x, y)``: a diagonal normal from the embedding of prompt and response, as wide as the prior before training.

    Args:
        config: prior mean and scale, hidden layers.
        embedding: columns of the embedding.
        dim: of z.
    """

    def __init__(self, config: FeaturesConfig, embedding: int, dim: int) -> None:
        super().__init__()
        self.loc, self.scale = config.loc, config.scale
        self.network = Network(embedding, 2 * dim, config.hidden, spread=0.01)

    def forward(self, h: Float[Tensor, "n d"]) -> Any:
        """Of n responses, event shape ``(dim,)``."""
        loc, raw = self.network(h).chunk(2, -1)
        return dist.Normal(self.loc + self.scale * loc, self.scale * F.softplus(raw + _raw(1.0))).to_event(1)


def build_weights(config: WeightsConfig, prompt: int, objectives: int) -> DirichletWeights | LogisticNormalWeights:
    """The family that ``config`` names."""
    family = DirichletWeights if config.family == "dirichlet" else LogisticNormalWeights
    return family(config, prompt, objectives)


def contrast_basis(count: int) -> Float[Tensor, "k c"]:
    """K − 1 orthonormal columns, orthogonal to the constant vector: objectives are alike a priori."""
    columns = torch.cat([torch.ones(count, 1), torch.eye(count)[:, : count - 1]], 1).double()
    return torch.linalg.qr(columns).Q[:, 1:].to(torch.get_default_dtype())
