"""Levels, draws and modes that are made up, so that a verdict's parts can be set one by one."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from probrm.coordinates.whitening import Whitening
from probrm.data.batch import Batch
from probrm.inference import Fitted, History
from probrm.inference.laplace.modes import Mode
from probrm.inference.laplace.newton import LaplaceStart
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.base_rate import Level, LevelRange
from probrm_models.implicit.identifiability.mode_selection import Candidate, Choice
from probrm_models.implicit.identifiability.verdict import Evidence
from probrm_models.implicit.model import ImplicitModel

OPEN = LevelRange(0.2, 0.8)
CLOSED = LevelRange(0.42, 0.46)
GRID = torch.linspace(-5.0, 5.0, 801, dtype=torch.float64)
S = 400
"""Draws."""


def made_up(
    *, labels_at: tuple[float, float] | None = None, prior: tuple[float, float] = (2.0, 2.0), range_: LevelRange | None = OPEN
) -> Level:
    """A link that is sure of .5 ± .01, with labels that say a logit of so much with so large an error.

    Args:
        labels_at: logit and its error; None without labels.
        prior: concentrations of the Beta.
        range_: of the level.
    """
    rate = torch.sigmoid(GRID)
    a, b = (torch.tensor(c, dtype=torch.float64) for c in prior)
    density = torch.distributions.Beta(a, b).log_prob(rate) + (rate * (1 - rate)).log()
    actions = -0.5 * (GRID / 0.04).square()
    labels = torch.zeros_like(GRID) if labels_at is None else -0.5 * ((GRID - labels_at[0]) / labels_at[1]).square()
    return Level(GRID, density, actions, actions + labels, range_)


def rows(
    n: int = 400, d: int = 2, k: int = 0, m: int = 0, users: int = 0, labels: int = 0, seed: int = 0, known: float | None = None
) -> Batch:
    """Standard normal inputs; actions are drawn from γ = ½ and μ = ½, labels are coins that no action contradicts."""
    rng = torch.Generator().manual_seed(seed)
    action = torch.bernoulli(torch.full((n,), 0.25), generator=rng)
    label = torch.full((n,), math.nan)
    label[:labels] = torch.maximum(torch.bernoulli(torch.full((labels,), 1 / 3), generator=rng), action[:labels])
    columns = {
        "embedding": torch.randn(n, d, generator=rng),
        "reward_covariates": torch.randn(n, m, generator=rng),
        "propensity_covariates": torch.randn(n, k, generator=rng),
        "user": torch.arange(n) % max(users, 1),
        "action": action,
        "label": label,
        "weight": torch.ones(n),
    }
    if known is not None:
        columns["known_propensity"] = torch.full((n,), known)
    return Batch(columns, n)


def around(model: ImplicitModel, *, sd: float = 0.02, seed: int = 0, **centres: float | list[float]) -> dict[str, Tensor]:
    """Draws of all globals, normal around the centres given: rate ½ and zeros otherwise."""
    rng = torch.Generator().manual_seed(seed)
    shape = model.shape
    sizes: dict[str, tuple[int, ...]] = {"base_rate": (), "reward_weights": (shape.embedding,), "propensity_intercept": ()}
    sizes |= {"reward_effects": (len(shape.reward_effects),)} if shape.reward_effects else {}
    sizes |= {"propensity_effects": (len(shape.propensity_effects),)} if shape.propensity_effects else {}
    sizes |= {"propensity_weights": (shape.embedding,)} if model.config.share_embedding else {}
    sizes |= {"user_activity": (len(shape.users),)} if shape.users else {}
    draws = {}
    for name, size in sizes.items():
        centre = torch.as_tensor(centres.get(name, 0.5 if name == "base_rate" else 0.0))
        draws[name] = centre + sd * torch.randn(S, *size, generator=rng)
    return draws


def candidate(probability: float = 1.0, *, behind: float = 0.0, error: float = 0.0, reverse: bool = False) -> Candidate:
    """A mode of no place in particular; its rewards rise along the rows, or fall."""
    eye = torch.eye(2, dtype=torch.float64)
    here = Whitening(torch.zeros(2, dtype=torch.float64), torch.zeros(0, dtype=torch.float64), torch.zeros(0, 2, dtype=torch.float64), eye)
    rewards = torch.arange(10.0)
    mode = Mode(LaplaceStart(here, 0.0, 0), torch.full((10,), -0.1), rewards.flip(0) if reverse else rewards, 1, 1.0, behind, error)
    return Candidate(mode, 0.5, 0.0, 0.0, probability)


ONE = Choice([candidate()], True)
TIED = Choice([candidate(0.5), candidate(0.5, behind=0.1, reverse=True)], False)
SETTLED = Choice([candidate(0.98), candidate(0.02, behind=0.1, reverse=True)], True)


def evidence(
    shape: LogShape,
    data: Batch,
    *,
    settings: ImplicitConfig | None = None,
    draws: dict[str, Tensor] | None = None,
    choice: Choice | None = ONE,
    level: Level | None = None,
    facts: dict[str, np.ndarray] | None = None,
) -> Evidence:
    """What ``judge`` looks at."""
    settings = settings or ImplicitConfig()
    model = ImplicitModel(shape, settings)
    fitted = Fitted(model, None, draws or around(model), History(), [], None)
    return Evidence(data, fitted, choice, level or made_up(), settings, Assumptions(), facts or {}, 0)
