"""Selection among tied modes: by explicit labels and by the user's assumptions, or none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference.device import own_random_stream
from probrm.inference.laplace.modes import Mode
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.base_rate_profile import level_range
from probrm_models.implicit.model import ImplicitModel

SURE = 0.75
"""Probability from which on a mode is named."""
_DRAWS = 200


@dataclass(frozen=True)
class Candidate:
    """A mode and what speaks for it.

    Attributes:
        mode: the mode.
        base_rate: the share of preferred answers under it.
        labels: log probability of the explicit labels given the actions, in nats; 0 without labels.
        assumptions: log probability of what was assumed.
        probability: of being the right one among the tied modes, all equally likely beforehand; 0 for one
            whose likelihood is lower.
    """

    mode: Mode
    base_rate: float
    labels: float
    assumptions: float
    probability: float


@dataclass(frozen=True)
class Choice:
    """What was found.

    Attributes:
        candidates: all modes, the most probable first.
        named: whether the first may be named.
    """

    candidates: list[Candidate]
    named: bool

    @property
    def tied(self) -> list[Candidate]:
        """Those that the actions explain equally well."""
        return [c for c in self.candidates if c.mode.tied]


def choose(model: ImplicitModel, data: Batch, layout: Layout, modes: Sequence[Mode], assumptions: Assumptions) -> Choice:
    """Weighs the tied modes.

    Labels count by their probability *given the row's action*: what the stratum posterior says of them, not the reward alone.
    """
    judged = (~data["label"].isnan()).nonzero()[:, 0]
    weighed = []
    for mode in modes:
        with own_random_stream(0):
            epsilon = torch.randn(_DRAWS, layout.size, dtype=mode.loc.dtype).to(mode.loc.device)
        draws = layout.constrain(mode.laplace.coordinates(epsilon))
        found = level_range(model, data, layout, mode.laplace.coordinates)
        rates = torch.linspace(found.low, found.high, 41, dtype=torch.float64)
        rate = float(layout.constrain(mode.loc)["base_rate"])
        weighed.append((mode, rate, rates, _labels(model, data.subset(judged), draws), draws))
    tied = [m.tied for m in modes]
    total = []
    for (_, _, rates, labels, draws), one in zip(weighed, tied, strict=True):
        assumed = assumptions.log_probability(model.shape, draws, rates) if one else 0.0
        total.append((labels + assumed if one else -math.inf, assumed))
    probabilities = torch.softmax(torch.tensor([score for score, _ in total], dtype=torch.float64), 0).tolist()
    candidates = [
        Candidate(mode, rate, labels, assumed, probability)
        for (mode, rate, _, labels, _), (_, assumed), probability in zip(weighed, total, probabilities, strict=True)
    ]
    candidates.sort(key=lambda c: -c.probability)  # stable: by likelihood where nothing else speaks
    return Choice(candidates, candidates[0].probability >= SURE)


@torch.no_grad()
def _labels(model: ImplicitModel, judged: Batch, draws: dict[str, Tensor]) -> float:
    """``Σ log p(label | action)`` with the globals averaged over draws."""
    if not len(judged):
        return 0.0
    rows = judged.to(dtype=torch.float64)
    logit = model.log_odds_given_actions(draws, rows)
    density = torch.where(rows["label"] == 1, F.logsigmoid(logit), F.logsigmoid(-logit))
    return float(((torch.logsumexp(density, 0) - math.log(len(logit))) * rows["weight"]).sum())
