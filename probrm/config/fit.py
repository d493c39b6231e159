"""The settings of one fit, from all their sources."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from probrm.config.layers import merge, parse_assignment, read_toml
from probrm.config.schema import Schema
from probrm.config.settings import FitConfig
from probrm.encoders import EncoderConfig
from probrm.errors import ConfigError
from probrm.guides import GUIDES
from probrm.inference.settings import INFERENCES


def defaults(recipe: Schema) -> dict[str, Any]:
    """Every setting with its default for this model, as nested plain types."""
    common = {
        "data": recipe.data_settings(),
        "encoder": asdict(EncoderConfig()),
        "model": recipe.model_settings(),
        "guide": {"name": "auto-normal"},
        "inference": asdict(INFERENCES["svi"]()),
        "starts": 3,
        "seed": 0,
        "device": "auto",
        "held_out": 0.1,
    }
    return merge(common, recipe.defaults())


def build_config(
    recipe: Schema, *, toml: str | None = None, flags: Mapping[str, Any] | None = None, sets: Iterable[str] = (), where: str = "flags"
) -> FitConfig:
    """Settings from defaults, then the TOML file, then flags, then ``--set``.

    Raises:
        ConfigError: an unknown name (lists the valid ones) or a value that is not allowed.
    """
    base = defaults(recipe)
    tables = base
    own = [name for name in recipe.own_tables if name in base["model"]]  # tables of their own, which belong to the model
    layers = [(f"--config {toml}", read_toml(toml))] if toml is not None else []
    layers += [(where, dict(flags or {}))] + [(f"--set {text}", parse_assignment(text)) for text in sets]
    for origin, given in layers:
        _known(f"{origin}: unknown setting", given, [*base, *own])
        layer = {name: value for name, value in given.items() if name not in own}
        if mine := {name: given[name] for name in own if name in given}:
            _table("model", layer.get("model", {}))
            layer["model"] = merge(layer.get("model", {}), mine)
        for name, value in layer.items():
            if isinstance(base[name], Mapping):
                _table(name, value)
        tables = merge(tables, layer)
    for name in ("encoder", "data"):
        _known(f"unknown {name} setting", tables[name], base[name])
    return FitConfig(
        data=recipe.read_spec(tables["data"]),
        encoder=EncoderConfig(**tables["encoder"]),
        model=_checked("model", recipe.check_model, tables["model"], base["model"]),
        guide=_named("guide", tables["guide"], GUIDES),
        inference=_named("inference", tables["inference"], INFERENCES),
        starts=_number("starts", tables["starts"], int, 1, 1000),
        seed=_number("seed", tables["seed"], int, 0, 2**63 - 1),
        device=_text("device", tables["device"], "auto"),
        held_out=_number("held_out", tables["held_out"], float, 0.0, 0.9),
    )


def encoder_config(name: str, sets: Iterable[str] = ()) -> EncoderConfig:
    """An encoder's settings for a command that needs no others.

    Raises:
        ConfigError: an unknown name or a value that is not allowed.
    """
    base = {"encoder": asdict(EncoderConfig(name=name))}
    tables = base
    for text in sets:
        layer = parse_assignment(text)
        _known(f"--set {text}: unknown setting", layer, base)
        _table("encoder", layer["encoder"])
        tables = merge(tables, layer)
    _known("unknown encoder setting", tables["encoder"], base["encoder"])
    return EncoderConfig(**tables["encoder"])


def _known(what: str, given: Mapping[str, Any], valid: Iterable[str]) -> None:
    valid = list(valid)
    for key in given:
        if key not in valid:
            close = difflib.get_close_matches(key, valid, n=1)
            raise ConfigError(
                f"{what} {key!r}; allowed: {', '.join(valid)}",
                fix=f"did you mean {close[0]}?" if close else "use one of these names",
            )


def _table(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name}: found {value!r}; it is a table of settings", fix=f"write [{name}] in TOML, or --set {name}.KEY=VALUE")


def _text(name: str, value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name}: found {value!r}; it is a name", fix=f"--set {name}={example}")
    return value


def _number(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float) or not low <= value <= high:
        raise ConfigError(
            f"{name}: found {value!r}; allowed: {kind.__name__} from {low} to {high}", fix=f"--set {name}={low if kind is int else 0.1}"
        )
    return kind(value)


def _named(what: str, settings: Any, registry: Mapping[str, type]) -> Any:
    """An entry of a registry with its settings."""
    _table(what, settings)
    name = settings.get("name")
    if not isinstance(name, str) or name not in registry:
        raise ConfigError(
            f"unknown {what} {name!r}; allowed: {', '.join(registry)}", fix=f"name one of them, e.g. --{what} {next(iter(registry))}"
        )
    cls = registry[name]
    _known(f"{what} {name!r}: unknown setting", settings, [f.name for f in fields(cls)])
    return _checked(what, TypeAdapter(cls).validate_python, dict(settings), {})


def _checked(where: str, check: Any, settings: Mapping[str, Any], base: Any) -> Any:
    _table(where, settings)
    try:
        return check(settings)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            table = base
            for part in path[:-1]:
                table = table.get(part, {}) if isinstance(table, Mapping) else {}
            names = f"; allowed here: {', '.join(table)}" if isinstance(table, Mapping) and table else ""
            raise ConfigError(
                f"{'.'.join([where, *path])}: there is no such setting{names}", fix="correct the name, or leave the setting out"
            ) from None
        message = first["msg"].removeprefix("Value error, ")
        message = message.split("\n")[0] if "validation error" not in message else _inner(first)
        found = "" if message.startswith("found ") or isinstance(first["input"], Mapping) else f"found {first['input']!r}: "
        raise ConfigError(f"{'.'.join([where, *path])}: {found}{message}", fix="give a value that is allowed") from None


def _inner(error: Any) -> str:
    """The message of a prior's own validation, nested inside a slot's."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ValidationError):
        first = cause.errors()[0]
        return f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
    return error["msg"]
