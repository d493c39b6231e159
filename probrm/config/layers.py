"""Layers of settings, later ones over earlier ones."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probrm.errors import ConfigError

_NAMED = ("guide", "inference")
"""Tables whose ``name`` says which other fields there are, as ``dist`` does in a prior's."""
_DEEPEST, _LARGEST = 32, 2**20
"""Tables in each other, and bytes of a file: more than any settings have."""


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
        ConfigError: no ``=``, an empty part of the key, or tables and lists nested deeper than any setting is.
    """
    key, equals, raw = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: found no KEY=VALUE", fix="write --set model.priors.base_rate.concentration1=2")
    if len(parts) > _DEEPEST:
        raise ConfigError(f"--set {text}: {len(parts)} names; allowed: up to {_DEEPEST}", fix="settings are no more than five tables deep")
    try:
        found: dict[str, Any] = tomllib.loads(f"value = {raw}")
        value = found["value"] if len(found) == 1 else raw.strip()  # a second line is no part of a value
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--set {text}: {_why(error)}", fix="give a value that is allowed") from None
    _check_depth(value, f"--set {text}")
    return nested(parts, value)


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """``value`` at a place within tables: ``["a", "b"]`` gives ``{"a": {"b": value}}``."""
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def read_toml(path: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: no such file, no plain file, one of more than 1 MiB, not TOML (names the line), or tables nested deeper than any setting is.
    """
    try:
        found = tomllib.loads(_content(path).decode())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--config {path}: not TOML: {error}", fix="correct that line") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--config {path}: not UTF-8 text", fix="save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--config {path}: {_why(error)}", fix="give settings that are allowed") from None
    _check_depth(found, f"--config {path}")
    return found


def _content(path: str) -> bytes:
    """The bytes of a plain file of bounded size: a pipe would be waited for, a device has no end.

    Raises:
        ConfigError: it is something else.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file (a device, a pipe or a socket)"
            raise ConfigError(f"--config {path}: it is {what}", fix="name a TOML file")
        if status.st_size > _LARGEST:
            raise ConfigError(
                f"--config {path}: it has {status.st_size:,} bytes; allowed: up to {_LARGEST:,}", fix="name a file of settings"
            )
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config {path}: {getattr(error, 'strerror', None) or error}", fix="name a TOML file that exists") from None


def _why(error: Exception) -> str:
    """What stops the reader, beside what is no TOML."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a number has more digits than can be read"


def _check_depth(value: Any, where: str) -> None:
    """Refuses what others would walk through one call a table.

    Raises:
        ConfigError: it is nested too deeply.
    """
    level = [value]
    for _ in range(_DEEPEST):
        level = [item for one in level if isinstance(one, Mapping | list) for item in (one.values() if isinstance(one, Mapping) else one)]
        if not level:
            return
    raise ConfigError(
        f"{where}: it is nested too deeply; allowed: up to {_DEEPEST} tables or lists in each other", fix="leave the inner ones out"
    )
