"""Settings from TOML, flags and ``--set``, checked against what each model knows."""

from probrm.config.fit import FitConfig, build_config, encoder_config
from probrm.config.merge import merge, parse_assignment, read_toml

__all__ = ["FitConfig", "build_config", "encoder_config", "merge", "parse_assignment", "read_toml"]
