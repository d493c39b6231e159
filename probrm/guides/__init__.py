"""Guides: from a model to a density over its latents."""

from probrm.guides.breathing import Breathing
from probrm.guides.guide import Guide, WhitenedGuide, guide_draws
from probrm.guides.layout import Layout, Site
from probrm.guides.own import adopt
from probrm.guides.registry import GUIDES, GuideConfig, GuideLike, build_family, build_guide, guide_config
from probrm.guides.ridge import Ridge
from probrm.guides.whitening import Whitening

__all__ = [
    "GUIDES",
    "Breathing",
    "Guide",
    "GuideConfig",
    "GuideLike",
    "Layout",
    "Ridge",
    "Site",
    "WhitenedGuide",
    "Whitening",
    "adopt",
    "build_family",
    "build_guide",
    "guide_config",
    "guide_draws",
]
