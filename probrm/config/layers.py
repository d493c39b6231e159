"""Layers of settings, later ones over earlier ones."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probrm.errors import ConfigError

_NAMED = ("guide", "inference")
"""Tables whose ``name`` says which other fields there are, as ``dist`` does in a prior's."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the entries of ``over``, table by table.

    Another ``dist`` of a prior, or another guide or inference, starts its table afresh: the old fields belong to the old one.
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(value, Mapping):
            switch = "name" if key in _NAMED else "dist"
            same = isinstance(old, Mapping) and value.get(switch, old.get(switch)) == old.get(switch, value.get(switch))
            result[key] = merge(old if isinstance(old, Mapping) and same else {}, value)
        else:
            result[key] = value
    return result


def parse_assignment(text: str) -> dict[str, Any]:
    """``a.b.c=value`` as nested tables; the value is TOML where it parses as such, else text.

    Raises:
        ConfigError: no ``=``, or an empty part of the key.
    """
    key, equals, raw = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: found no KEY=VALUE", fix="write --set model.priors.base_rate.concentration1=2")
    try:
        value: Any = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    return nested(parts, value)


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """``value`` at a place within tables: ``["a", "b"]`` gives ``{"a": {"b": value}}``."""
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def read_toml(path: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: no such file, or not TOML (names the line).
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--config {path}: not TOML: {error}", fix="correct that line") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--config {path}: not UTF-8 text", fix="save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}", fix="name a TOML file that exists") from None
