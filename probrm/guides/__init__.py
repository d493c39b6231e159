"""Guides: from a model to a density over its latents."""

from probrm.coordinates.layout import Layout, Site
from probrm.coordinates.path_following import PathFollowing
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.whitening import Whitening
from probrm.guides.guide import Guide, WhitenedGuide, guide_draws
from probrm.guides.registry import GUIDES, GuideConfig, GuideLike, build_guide, guide_config, register_guide
from probrm.guides.user_guide import adopt

__all__ = [
    "GUIDES",
    "Guide",
    "GuideConfig",
    "GuideLike",
    "Layout",
    "PathFollowing",
    "ScaleAdaptive",
    "Site",
    "WhitenedGuide",
    "Whitening",
    "adopt",
    "build_guide",
    "guide_config",
    "guide_draws",
    "register_guide",
]
