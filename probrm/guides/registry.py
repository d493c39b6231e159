"""Guides by name, one small configuration each: a density over the whitened latents, a standard normal to begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from probrm.bounds import Size
from probrm.coordinates.layout import Layout
from probrm.coordinates.path_following import PathFollowing
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.whitening import Whitening
from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides.families import DiagonalNormal, FullRankNormal, LowRankNormal, Point
from probrm.guides.guide import WhitenedGuide
from probrm.model import RewardModel

_SETTINGS = ConfigDict(extra="forbid")
_Class = TypeVar("_Class", bound=type)
GlobalName = Literal["auto-normal", "low-rank", "full-rank", "delta"]
GUIDES: dict[str, type] = {}
"""The names that ``--guide`` and ``[guide]`` may have."""


class GuideConfig:
    """Base class of a guide's configuration: a pydantic dataclass whose field ``name`` has the guide's name as its default."""

    name: ClassVar[str] | str

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """The density over whitened coordinates: a module whose call gives a reparameterised distribution over ``(D,)``.

        Args:
            layout: of the D latents.
            held: a coordinate whose marginal is known already; a family that has no use for that need not look at it.
        """
        raise NotImplementedError


_FEW = 50
"""Entries of a site whose density may lean to one side."""


def register_guide(cls: _Class) -> _Class:
    """Class decorator: makes a guide known to ``--guide``, TOML and ``--set`` by its name."""
    GUIDES[cls.name] = cls  # type: ignore[attr-defined]
    return cls


@register_guide
@dataclass(frozen=True, config=_SETTINGS)
class AutoNormal(GuideConfig):
    """Independent normals in whitened coordinates: correlations at the mode, free widths. The default."""

    name: Literal["auto-normal"] = "auto-normal"

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """Normals, of which ``held`` stays as it is; those of sites with few entries may be skewed: weights have a crowd's posterior."""
        skewed = torch.zeros(layout.size, dtype=torch.bool)
        for site in layout.sites:
            skewed[site.flat] = site.hyper or site.flat.stop - site.flat.start <= _FEW
        return DiagonalNormal(layout.size, held, skewed)


@register_guide
@dataclass(frozen=True, config=_SETTINGS)
class LowRank(GuideConfig):
    """Diagonal plus ``rank`` directions."""

    name: Literal["low-rank"] = "low-rank"
    rank: Size = 10

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """A normal."""
        return LowRankNormal(layout.size, self.rank)


@register_guide
@dataclass(frozen=True, config=_SETTINGS)
class FullRank(GuideConfig):
    """A free covariance; up to 3,000 latents."""

    name: Literal["full-rank"] = "full-rank"

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """A normal."""
        return FullRankNormal(layout.size)


@register_guide
@dataclass(frozen=True, config=_SETTINGS)
class Delta(GuideConfig):
    """The mode: no uncertainty."""

    name: Literal["delta"] = "delta"

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """A point."""
        return Point(layout.hyper())


@register_guide
@dataclass(frozen=True, config=_SETTINGS)
class Amortised(GuideConfig):
    """A network over the rows' latents, and ``globals`` over the rest."""

    name: Literal["amortised"] = "amortised"
    globals: GlobalName = "auto-normal"
    hidden: Size = 64

    def family(self, layout: Layout, held: int | None = None) -> nn.Module:
        """That of ``globals``."""
        return guide_config(self.globals).family(layout, held)


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
    guide: GuideLike, model: RewardModel, layout: Layout, coordinates: Whitening | ScaleAdaptive | PathFollowing
) -> nn.Module | Callable[..., Any]:
    """The guide over ``model``'s latents, started at ``coordinates``.

    Raises:
        ConfigError: an unknown name, or a model that the guide does not fit.
    """
    if not isinstance(guide, str | GuideConfig):
        return guide
    config, local = guide_config(guide), None
    if isinstance(config, Amortised):
        try:
            local = model.local_guide(hidden=config.hidden)
        except NotImplementedError as error:
            raise ConfigError(f"guide 'amortised': {error}", fix="use --guide auto-normal") from None
    held = coordinates.index if isinstance(coordinates, PathFollowing) else None
    return WhitenedGuide(layout, coordinates, config.family(layout, held), local)
