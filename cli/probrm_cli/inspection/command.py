"""``probrm inspect``: what a fit would read from a file, in seconds."""

from __future__ import annotations

import inspect as signatures
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from probrm.config.flags import Flag
from probrm.recipes.logs.flags import ACTIONS, LOG
from probrm.recipes.pairs.flags import PAIRS
from probrm_cli.fit.flags import parameter
from probrm_cli.flags import Json

_FITS = {"log": "implicit", "pairs": "vrm"}
"""Kind of file → the model whose fit is suggested."""


def reading_flags() -> tuple[Flag, ...]:
    """The flags of fits that say how a file is read: those of logs, then those of pairs; each once."""
    found: dict[str, Flag] = {}
    for flag in (*LOG, ACTIONS, *PAIRS):
        if not flag.setting.startswith("data."):
            continue
        one = found.setdefault(flag.name, flag)
        if one is not flag and one.help != flag.help:
            found[flag.name] = replace(one, help=f"{one.help} Of pairs: {flag.help[0].lower()}{flag.help[1:]}")
    return tuple(found.values())


def _command() -> Callable[..., None]:
    """The function whose signature typer makes the flags of."""
    flags = reading_flags()

    def inspect(file: str, as_json: bool, **given: Any) -> None:
        from probrm.config import merge, nested
        from probrm.inspection import inspect_file
        from probrm_cli.inspection.tables import print_inspection
        from probrm_cli.terminal import print_json

        said = {flag: value for flag in flags if (value := given[flag.key]) is not None}
        settings: dict[str, Any] = {}
        for flag, value in said.items():
            settings = merge(settings, nested(flag.setting.split("."), flag.parse(value)))
        found = inspect_file(file, settings.get("data"))
        command = fit_command(found.kind, file, {flag.name: value for flag, value in said.items()})
        print_json(found.to_dict() | {"command": command}) if as_json else print_inspection(found, command)

    where = Annotated[str, typer.Argument(metavar="FILE", help="As --data of a fit: a file, a folder, a glob, an export, or a hub id.")]
    positional = signatures.Parameter("file", signatures.Parameter.POSITIONAL_OR_KEYWORD, annotation=where)
    as_json = signatures.Parameter("as_json", signatures.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    inspect.__signature__ = signatures.Signature([positional, *map(parameter, flags), as_json])  # type: ignore[attr-defined]
    inspect.__doc__ = "Show how a file will be read, and the command that fits it."
    return inspect


inspect = _command()


def fit_command(kind: str, file: str, said: Mapping[str, Any]) -> str:
    """The command that fits what was read.

    Args:
        kind: ``log`` or ``pairs``.
        file: as it was named.
        said: flag → its value, those that the reading was asked with.
    """
    words = ["probrm", "fit", _FITS[kind], "--data", file]
    return shlex.join([*words, *(word for name, value in said.items() for word in _flag(name, str(value)))])


def _flag(name: str, value: str) -> list[str]:
    """A value that begins with a dash stays with its flag."""
    return [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]
