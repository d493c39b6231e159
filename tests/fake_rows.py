"""Small models with their rows on the fake device, and the steps that are taken with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.infer import ELBO

from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.guides import Layout, Whitening, build_guide
from probrm.inference import SVI
from probrm.inference.svi.train import _bound, _optimiser, svi_step
from probrm.model import RewardModel
from probrm.recipes.logs.shape import LogShape
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.bradley_terry.model import BradleyTerryModel
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.multi_action.model import build_implicit
from tests.fake_cuda import DEVICE

SHAPE = LogShape(8, ("r0",), ("p0", "p1"), tuple("abcd"))
FOUR = (ActionSpec("a"), ActionSpec("g", against=True), ActionSpec("o", "ordinal", levels=("x", "y", "z")), ActionSpec("t", "log-normal"))


@dataclass
class Step:
    """What one step of SVI needs."""

    model: RewardModel
    guide: Any
    batch: Batch
    elbo: ELBO | None = None

    def stepper(self) -> Callable[[], object]:
        """After one checked look at the loss, as in a training: a step."""
        loss_fn = (self.elbo or _bound(self.model))(self.model, self.guide)
        optimiser = _optimiser(loss_fn, self.guide, SVI())
        loss_fn(self.batch)
        return lambda: svi_step(loss_fn, optimiser, self.batch)


def repeat(step: Callable[[], object], times: int = 2) -> None:
    """Steps as a training takes them: without Pyro's checks. The second finds the optimiser's state there already."""
    with pyro.validation_enabled(False):
        for _ in range(times):
            step()


def log_rows(n: int = 32) -> Batch:
    """Rows of a log, on the CPU; some with a label, some with a known propensity."""
    g = torch.Generator().manual_seed(0)
    place = torch.arange(n)
    return Batch(
        {
            "embedding": torch.randn(n, 8, generator=g),
            "reward_covariates": torch.randn(n, 1, generator=g),
            "propensity_covariates": torch.randn(n, 2, generator=g),
            "user": place % 4,
            "action": (torch.rand(n, generator=g) < 0.4).float(),
            "label": torch.where(place < 4, (place % 2).float(), torch.nan),
            "known_propensity": torch.where(place > 28, 0.5, torch.nan),
            "weight": torch.ones(n),
        },
        n,
    )


def several_rows(n: int = 32) -> Batch:
    """Rows with the four actions of ``FOUR``, some of them not observed."""
    rows, place = log_rows(n), torch.arange(n)
    actions = torch.stack([rows["action"], torch.zeros(n), (place % 3).float(), place + 1.0], 1)
    return Batch({**rows.columns, "actions": actions.masked_fill((place % 5 == 0)[:, None], torch.nan)}, n)


def compared_rows(n: int = 32) -> Batch:
    """Rows with one action, half of them compared with another answer."""
    rows = log_rows(n)
    beside = {"rival_embedding": rows["embedding"].flip(0), "rival_reward_covariates": rows["reward_covariates"].flip(0)}
    won = torch.where(torch.arange(n) % 2 == 0, 1.0, torch.nan)
    return Batch({**rows.columns, **beside, "won": won, "actions": rows["action"][:, None]}, n)


def pair_rows(n: int = 32) -> Batch:
    """Pairs, some of them ties."""
    g = torch.Generator().manual_seed(0)
    outcome = torch.where(torch.arange(n) % 5 == 0, 0.5, 1.0)
    sides = {side: torch.randn(n, 8, generator=g) for side in ("chosen", "rejected")}
    return Batch({**sides, "outcome": outcome, "weight": torch.ones(n), "share": torch.rand(n, generator=g)}, n)


def implicit(
    config: ImplicitConfig | None = None, rows: Batch | None = None, actions: tuple[ActionSpec, ...] = (), device: str = DEVICE
) -> tuple[Any, Batch]:
    """A model of a log made on the CPU, as recipes make it, and moved; with its rows."""
    rows = rows or log_rows()
    with torch.device("cpu"):
        shape = LogShape(SHAPE.embedding, SHAPE.reward_effects, SHAPE.propensity_effects, SHAPE.users, actions=actions)
        model = build_implicit(shape, config or ImplicitConfig(), rows)
    return model.to(device), rows.to(device)


def bradley_terry(
    config: BradleyTerryConfig | None = None, rows: Batch | None = None, device: str = DEVICE
) -> tuple[BradleyTerryModel, Batch]:
    """Likewise, of pairs with ties."""
    with torch.device("cpu"):
        model = BradleyTerryModel(PairShape(8, ties=True), config)
    return model.to(device), (rows or pair_rows()).to(device)


def guided(model: RewardModel, batch: Batch, guide: Any = "auto-normal") -> Step:
    """With a guide of that name at a standard normal."""
    layout = Layout.of(model, batch)
    zeros = torch.zeros(layout.size)
    return Step(model, build_guide(guide, model, layout, Whitening.diagonal(zeros, zeros + 1, layout.exchangeable)).to(DEVICE), batch)  # type: ignore[union-attr]
