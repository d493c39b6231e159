"""Preference pairs drawn from the variational reward model itself, with everything that lies behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import guide_config
from probrm.inference import SVI, Fitted
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.elbo import LocalKLELBO
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import with_shares
from probrm_models.vrm.warm_start.initialise import build_guide


@dataclass(frozen=True)
class World:
    """J prompts with R responses each, and the model's latents: ``z = V h / √D + τ ε``, ``r = w·z``.

    Attributes:
        prompt: embeddings x of the prompts, ``(J, P)``.
        weights: w of each prompt, ``(J, K)``.
        objectives: V, ``(K, D)``.
        residual: τ.
        embedding: h of each response, ``(J, R, D)``.
        effects: ε of each response, ``(J, R, K)``.
    """

    prompt: Float[Tensor, "j p"]
    weights: Float[Tensor, "j k"]
    objectives: Float[Tensor, "k d"]
    residual: float
    embedding: Float[Tensor, "j r d"]
    effects: Float[Tensor, "j r k"]

    @classmethod
    def draw(cls, prompt: Tensor, weights: Tensor, objectives: Tensor, residual: float, answers: int, draw: torch.Generator) -> World:
        """Responses with standard normal embeddings and effects to given prompts."""
        (k, d), j = objectives.shape, len(prompt)
        h, effects = torch.randn(j, answers, d, generator=draw), torch.randn(j, answers, k, generator=draw)
        return cls(prompt, weights, objectives, residual, h, effects)

    @property
    def shape(self) -> VRMShape:
        """Inputs of a model of these pairs; scores, where there are any, are of all objectives."""
        k, d = self.objectives.shape
        return VRMShape(d, self.prompt.shape[1], tuple(f"objective_{i}" for i in range(k)), k)

    @property
    def reward(self) -> Float[Tensor, "j r"]:
        """True rewards."""
        return self.rewards(self.weights, self.effects)

    def rewards(self, weights: Float[Tensor, "j k"], effects: Float[Tensor, "j r k"] | float = 0.0) -> Float[Tensor, "j r"]:
        """By the true objectives, other things being what they are said to be."""
        scores = self.embedding @ self.objectives.T / self.objectives.shape[1] ** 0.5 + self.residual * effects
        return (weights[:, None] * scores).sum(-1)

    def first(self, count: int) -> World:
        """The first prompts, with all that is theirs."""
        return self._part(slice(count))

    def rest(self, count: int) -> World:
        """All prompts but the first."""
        return self._part(slice(count, None))

    def _part(self, rows: slice) -> World:
        parts = self.prompt[rows], self.weights[rows], self.objectives, self.residual, self.embedding[rows], self.effects[rows]
        return World(*parts)

    def judge(self, draw: torch.Generator, *, noise: float | None = None) -> Batch:
        """Every pair of each prompt's responses, judged once: the columns of ``PairInputs.batch``.

        Args:
            draw: of the judgments.
            noise: standard deviation of attribute scores around log w before they are standardised; None for no scores.
        """
        j, r = self.reward.shape
        left, right = torch.triu_indices(r, r, 1)
        prompt = torch.arange(j).repeat_interleave(len(left))
        one, other = (side.repeat(j) + r * prompt for side in (left, right))
        reward, h = self.reward.flatten(), self.embedding.flatten(0, 1)
        won = torch.rand(len(one), generator=draw) < torch.sigmoid(reward[one] - reward[other])
        chosen, rejected = torch.where(won, one, other), torch.where(won, other, one)
        columns = {
            "prompt": self.prompt[prompt],
            "chosen": h[chosen],
            "rejected": h[rejected],
            "outcome": torch.ones(len(one)),
            "weight": torch.ones(len(one)),
            "prompt_index": prompt,
            "chosen_index": chosen,
            "rejected_index": rejected,
        }
        if noise is not None:
            # As if raters saw in each response what its prompt calls for: softmax of the standardised scores grows with w.
            scores = self.weights.clamp(min=1e-3).log()[:, None] + noise * torch.randn(self.effects.shape, generator=draw)
            scores = scores.flatten(0, 1)
            columns["scores"] = ((scores - scores.mean(0)) / scores.std(0))[chosen]
        return Batch(columns, len(one))


def expected_weights(prompt: Float[Tensor, "j p"], slopes: Float[Tensor, "k p"]) -> Float[Tensor, "j k"]:
    """``E[w | x]`` in worlds whose weights follow the prompt: a softmax of linear functions."""
    return (prompt @ slopes.T / prompt.shape[1] ** 0.5).softmax(-1)


def dirichlet(concentration: Float[Tensor, "j k"], draw: torch.Generator) -> Float[Tensor, "j k"]:
    """One draw a row, from the generator given."""
    gamma = torch._standard_gamma(concentration.double(), generator=draw).clamp(min=1e-30)  # pyright: ignore[reportPrivateImportUsage]
    return (gamma / gamma.sum(-1, keepdim=True)).float()


def accuracy(reward: Float[Tensor, "j r"], pairs: Batch) -> float:
    """Share of pairs in which the chosen response has the higher reward."""
    flat = reward.flatten()
    return float((flat[_index(pairs, "chosen")] > flat[_index(pairs, "rejected")]).float().mean())


def _index(pairs: Batch, side: str) -> Int[Tensor, " n"]:
    return pairs[f"{side}_index"]


def fit(
    world: World, pairs: Batch, config: VRMConfig, settings: SVI, *, held_out: Batch | None = None, seed: int = 0, **guide: Any
) -> Fitted:
    """As the recipe fits: from Bradley–Terry with response effects, each latent's divergence counted once."""
    terms = config.divergence

    def build(rows: Batch) -> Any:
        model = VRMModel(world.shape, config)
        return model, build_guide(model, rows, guide_config("auto-normal"))

    def elbo() -> LocalKLELBO:
        return LocalKLELBO(terms.weight, terms.warmup, terms.free_bits)

    return fit_latent(build, pairs, held_out=held_out, settings=settings, seed=seed, device="cpu", elbo=elbo, prepare=with_shares)
