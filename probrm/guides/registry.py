"""Guides by name, one small configuration each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import ConfigDict, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from probrm.coordinates.layout import Layout
from probrm.coordinates.path_following import Ridge
from probrm.coordinates.scale_adaptation import Breathing
from probrm.coordinates.whitening import Whitening
from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides.families import DiagonalNormal, FullRankNormal, LowRankNormal, Point
from probrm.guides.guide import WhitenedGuide
from probrm.model import RewardModel

_SETTINGS = ConfigDict(extra="forbid")
GlobalName = Literal["auto-normal", "low-rank", "full-rank", "delta"]


@dataclass(frozen=True, config=_SETTINGS)
class AutoNormal:
    """Independent normals in whitened coordinates: correlations at the mode, free widths. The default."""

    name: Literal["auto-normal"] = "auto-normal"


@dataclass(frozen=True, config=_SETTINGS)
class LowRank:
    """Diagonal plus ``rank`` directions."""

    name: Literal["low-rank"] = "low-rank"
    rank: PositiveInt = 10


@dataclass(frozen=True, config=_SETTINGS)
class FullRank:
    """A free covariance; up to 3,000 latents."""

    name: Literal["full-rank"] = "full-rank"


@dataclass(frozen=True, config=_SETTINGS)
class Delta:
    """The mode: no uncertainty."""

    name: Literal["delta"] = "delta"


@dataclass(frozen=True, config=_SETTINGS)
class Amortised:
    """A network over the rows' latents, beside ``globals`` over the rest."""

    name: Literal["amortised"] = "amortised"
    globals: GlobalName = "auto-normal"
    hidden: PositiveInt = 64


GuideConfig = AutoNormal | LowRank | FullRank | Delta | Amortised
GUIDES: dict[str, type] = {cls.name: cls for cls in (AutoNormal, LowRank, FullRank, Delta, Amortised)}  # type: ignore[attr-defined]
GuideLike = str | GuideConfig | Callable[[Batch], Any]
"""A name, a configuration, or a guide of the user's own: any callable or module with the model's signature."""


def guide_config(guide: str | GuideConfig) -> GuideConfig:
    """The configuration that a name stands for.

    Raises:
        ConfigError: an unknown name; lists the valid ones.
    """
    if not isinstance(guide, str):
        return guide
    if guide not in GUIDES:
        raise ConfigError(
            f"unknown guide {guide!r}; allowed: {', '.join(GUIDES)}",
            fix="name one of them with --guide, or pass a callable in code: fit(model, data, guide=my_guide)",
        )
    return GUIDES[guide]()


def build_guide(
    guide: GuideLike, model: RewardModel, layout: Layout, coordinates: Whitening | Breathing | Ridge
) -> nn.Module | Callable[..., Any]:
    """The guide over ``model``'s latents, started at ``coordinates``.

    Raises:
        ConfigError: an unknown name, or a model that the guide does not fit.
    """
    if callable(guide) and not isinstance(guide, GuideConfig):
        return guide
    config = guide_config(guide)  # type: ignore[arg-type]
    if isinstance(config, Amortised):
        try:
            local = model.local_guide(hidden=config.hidden)
        except NotImplementedError as error:
            raise ConfigError(f"guide 'amortised': {error}", fix="use --guide auto-normal") from None
        return WhitenedGuide(layout, coordinates, build_family(guide_config(config.globals), layout, held=_known(coordinates)), local)
    return WhitenedGuide(layout, coordinates, build_family(config, layout, held=_known(coordinates)))


def _known(coordinates: nn.Module) -> int | None:
    return coordinates.index if isinstance(coordinates, Ridge) else None


def build_family(config: GuideConfig, layout: Layout, *, held: int | None = None) -> nn.Module:
    """The density over whitened coordinates that a global guide's configuration names, at a standard normal.

    Args:
        config: of the guide.
        layout: of the latents.
        held: a coordinate whose marginal is known already; only independent normals leave it as it is.
    """
    if isinstance(config, LowRank):
        return LowRankNormal(layout.size, config.rank)
    if isinstance(config, FullRank):
        return FullRankNormal(layout.size)
    if isinstance(config, Delta):
        return Point(layout.hyper())
    return DiagonalNormal(layout.size, held)
