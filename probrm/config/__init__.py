"""Settings from TOML, flags and ``--set``, checked against what each model knows."""

from probrm.config.data import read_data
from probrm.config.fit import build_config, encoder_config
from probrm.config.merge import merge, nested, parse_assignment, read_toml
from probrm.config.settings import FitConfig

__all__ = ["FitConfig", "build_config", "encoder_config", "merge", "nested", "parse_assignment", "read_data", "read_toml"]
