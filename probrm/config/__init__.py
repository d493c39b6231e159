"""Settings from TOML, flags and ``--set``, checked against what each model knows.

Names are loaded on first use: a model's flags cost no import of what is heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.config.data import read_data
    from probrm.config.fit import build_config, encoder_config
    from probrm.config.flags import Flag, ModelFlags
    from probrm.config.layers import merge, nested, parse_assignment, read_toml
    from probrm.config.settings import FitConfig

__all__ = [
    "FitConfig",
    "Flag",
    "ModelFlags",
    "build_config",
    "encoder_config",
    "merge",
    "nested",
    "parse_assignment",
    "read_data",
    "read_toml",
]

__getattr__ = lazy(
    __name__,
    data="read_data",
    fit="build_config encoder_config",
    flags="Flag ModelFlags",
    layers="merge nested parse_assignment read_toml",
    settings="FitConfig",
)
