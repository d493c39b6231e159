"""From coordinates around a mode to a posterior: NUTS, Laplace's approximation, or SVI of a guide."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from probrm.coordinates.parts import Coordinates
from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import (
    GuideConfig,
    GuideLike,
    Layout,
    WhitenedGuide,
    adopt,
    build_guide,
    guide_config,
)
from probrm.guides.registry import Amortised, Delta
from probrm.inference.densities import draws_and_density
from probrm.inference.device import threads
from probrm.inference.integrated import Frame, frame_of
from probrm.inference.laplace.starts import scorer
from probrm.inference.nuts import run_nuts
from probrm.inference.settings import NUTS, InferenceConfig, Laplace
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.expansion import expanded
from probrm.inference.svi.train import History, run_svi
from probrm.model import RewardModel
from probrm.progress import Progress

_SEVERAL, _CHEAP = 4, 20_000_000
"""Times as many draws as are kept say how good a guide is (k̂ from 1,000 has a standard error of .15), where these are at most so many draws × rows."""


@dataclass(frozen=True)
class Refined:
    """A model around a mode of its posterior given some rows.

    Attributes:
        model: with what it has to know of the rows, if anything; it may share parameters with the model it was made from.
        coordinates: around the mode.
        found: what else was found on the way.
    """

    model: RewardModel
    coordinates: Coordinates
    found: Any = None


Refine = Callable[[RewardModel, Batch, Layout, Tensor], Refined]
"""From a model, rows, the layout of its latents and a place near a mode, ``(D,)``."""


@dataclass
class Outcome:
    """A posterior; fields as in ``Fitted``."""

    guide: Any
    draws: dict[str, Tensor]
    history: History
    statistics: Mapping[str, Any] = field(default_factory=dict)
    sample_stats: Mapping[str, Tensor] = field(default_factory=dict)
    chains: int = 1
    frame: Frame | None = None
    ratios: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Inference:
    """How posteriors are found: the guide, its settings, and where states are kept."""

    guide: GuideLike
    settings: InferenceConfig
    layout: Layout
    checkpoint: Checkpoint | None
    progress: Progress

    def posterior(self, at: Refined, data: Batch, earlier: Outcome | None = None) -> Outcome:
        """The posterior given ``data``; its guide has no draws yet.

        Args:
            at: the model around its mode.
            data: the rows.
            earlier: of the training rows alone; a guide goes on from there, and the history stays that one.
        """
        if isinstance(self.settings, NUTS):
            chains = run_nuts(at.model, data, self.layout, at.coordinates, self.settings, progress=self.progress)
            return Outcome(None, chains.draws, History(), chains.statistics, chains.sample_stats, chains.count)
        if isinstance(self.settings, Laplace):
            frame = self._frame("auto-normal", at, data)
            guide = build_guide("auto-normal", frame.model, frame.layout, copy.deepcopy(frame.coordinates).float())
            return Outcome(guide, {}, History(), frame=frame)
        found, _ = self.trained(at, data, earlier=earlier)
        return replace(found, history=earlier.history) if earlier else found

    def trained(
        self, at: Refined, data: Batch, *, held_out: Batch | None = None, earlier: Outcome | None = None
    ) -> tuple[Outcome, float | None]:
        """A guide trained by SVI, and its score of the held-out rows; None without."""
        frame = self._frame(self.guide, at, data)
        guide = build_guide(self.guide, frame.model, frame.layout, copy.deepcopy(frame.coordinates).float())
        if isinstance(guide, nn.Module):
            guide.to(at.coordinates.loc.device)
        at_mode = isinstance(self.guide, str | GuideConfig)  # probrm's own guides begin at the Newton–Laplace solution
        if not isinstance(guide, WhitenedGuide):
            adopt(guide, self.layout, data.slice(0, 1).widened())

        def draw(count: int) -> dict[str, Tensor]:
            return frame.draws(draws_and_density(guide, frame.layout, data, count)[0], data)

        score = scorer(at.model, guide, data, held_out, draw if frame.integrated else None)
        if at_mode and earlier is not None:
            _take_over(guide, earlier.guide)
        settings: Any = self.settings
        fast = (
            expanded(at.model, data, self.layout, at.coordinates.loc)
            if at_mode and settings.batch_size is None and not frame.integrated
            else None
        )
        with threads(1) if fast else nullcontext():  # its steps take a few milliseconds
            history = run_svi(
                fast or frame.model,
                guide,
                fast.data if fast else data,
                replace(settings, batch_size=fast.batch_size if fast else len(data)) if fast or frame.integrated else settings,
                score=None if at_mode else score,
                schedule=earlier.history if earlier and not at_mode else None,
                stage=int(at_mode and earlier is not None),
                at_mode=at_mode,
                final=held_out is None or not settings.refit,
                checkpoint=self.checkpoint,
                progress=self.progress,
            )
        return Outcome(guide, {}, history, frame=frame), score() if score else None

    def _frame(self, guide: GuideLike, at: Refined, data: Batch) -> Frame:
        """What a guide is over: a point keeps the users' effects, and a guide of the user's own knows the model as it is."""
        config = guide_config(guide) if isinstance(guide, str | GuideConfig) else None
        batch_size = getattr(self.settings, "batch_size", None)
        if config is None or isinstance(config, Amortised | Delta) or (batch_size is not None and batch_size < len(data)):
            return Frame(at.model, self.layout, at.coordinates, self.layout)
        return frame_of(at.model, at.coordinates, self.layout, data)

    def with_draws(self, at: Refined, data: Batch, outcome: Outcome, *, densities: bool) -> Outcome:
        """The outcome with draws of its guide and, where they are wanted, their densities."""
        if outcome.guide is None:
            return outcome
        assert outcome.frame is not None
        count = self.settings.draws
        more = densities and outcome.frame.integrated and len(data) * _SEVERAL * count <= _CHEAP
        z, log_guide = draws_and_density(outcome.guide, outcome.frame.layout, data, _SEVERAL * count if more else count)
        wanted = log_guide is not None and densities
        draws, log_density = outcome.frame.draws_and_density(z, data, density=wanted, progress=self.progress)
        found = {"log_density": log_density, "log_guide": log_guide} if wanted else {}
        ratios = {name: value for name, value in found.items() if value is not None}
        stats = {name: value[:count] for name, value in ratios.items()}
        return replace(outcome, draws={name: value[:count] for name, value in draws.items()}, sample_stats=stats, ratios=ratios)


def _take_over(guide: Any, earlier: Any) -> None:
    """Whitened coordinates are much the same for most of the rows as for all: what was learned of them is where to go on from."""
    guide.family.load_state_dict(earlier.family.state_dict())
    if guide.local is not None:
        guide.local.load_state_dict(earlier.local.state_dict())


def finite_draws(draws: Mapping[str, Tensor], *, settings: str) -> dict[str, Tensor]:
    """Draws as float32 on the CPU.

    Raises:
        TrainingError: one is not finite; ``settings`` may help.
    """
    found = {name: value.detach().float().cpu() for name, value in draws.items()}
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise TrainingError("the posterior has draws that are not finite", fix=f"lower the learning rate: --set {settings}")
    return found
