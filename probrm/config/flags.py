"""A model's flags on the command line: which setting each one gives. Nothing heavy is imported here, for ``--help``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from probrm.errors import ConfigError


@dataclass(frozen=True)
class Flag:
    """A flag that stands for one setting.

    Attributes:
        name: as it is typed, without the dashes.
        setting: where its value goes, ``data.preset``.
        help: one line.
        metavar: what stands for the value in the help.
        type: of the value.
        parse: from the value to the setting; it may raise ``ConfigError``.
    """

    name: str
    setting: str
    help: str
    metavar: str | None = None
    type: Any = str
    parse: Callable[[Any], Any] = lambda value: value

    @property
    def key(self) -> str:
        """The name as Python's."""
        name = self.name.replace("-", "_")
        return f"{name}_" if iskeyword(name) else name


@dataclass(frozen=True)
class ModelFlags:
    """What ``probrm fit MODEL --help`` shows; registered under the entry-point group ``probrm.flags``.

    Attributes:
        about: one line on the model.
        flags: its own, added to those of every fit.
        baseline: whether it is a baseline: these are listed last.
        example: flags of a fit that runs in a clone, for the last line of its help.
    """

    about: str
    flags: tuple[Flag, ...] = ()
    baseline: bool = False
    example: str = ""


def reading(presets: str, columns: str) -> tuple[Flag, ...]:
    """How the file is read: which presets there are, and an example of columns."""
    return (
        Flag("preset", "data.preset", f"The form of a published file: {presets}."),
        Flag("columns", "data.columns", f"Map the file's column names: {columns}.", "NAME=COLUMN,…", parse=parse_columns),
    )


def listing(name: str, setting: str, help: str) -> Flag:
    """A flag whose value is a list of names."""
    return Flag(name, setting, help, "A,B", parse=parse_list)


def parse_columns(text: str | None) -> dict[str, str]:
    """``prompt=a,action=b`` as a mapping; an empty value switches a column off.

    Raises:
        ConfigError: a part without ``=``, or a name that stands there twice.
    """
    return _parse_mapping(text, "--columns", "NAME=COLUMN", "write --columns prompt=question,response=answer")


def parse_choices(text: str | None) -> dict[str, str]:
    """``first=1,second=2,tie=0`` as a mapping.

    Raises:
        ConfigError: a part without ``=``, or a name that stands there twice.
    """
    return _parse_mapping(text, "--choices", "KIND=VALUE", "write --choices first=1,second=2,tie=0")


def _parse_mapping(text: str | None, flag: str, form: str, fix: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (text or "").split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"{flag}: found {part!r}, which is no {form}", fix=fix)
        if name.strip() in pairs:
            raise ConfigError(f"{flag}: {name.strip()!r} is given twice; allowed: each once", fix="leave one of them out")
        pairs[name.strip()] = value.strip()
    return pairs


def parse_values(text: str | None) -> dict[str, str]:
    """``up=1,down=0,null=0`` as a mapping from values to what they mean.

    Raises:
        ConfigError: a part without ``=``, or a value that stands there twice.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, (text or "").split(","))):
        value, equals, meaning = part.rpartition("=")
        if not equals or not meaning.strip():
            raise ConfigError(f"--values: found {part!r}; allowed: VALUE=NUMBER", fix="write --values up=1,down=0,null=0")
        if value.strip() in found:
            raise ConfigError(f"--values: {value.strip()!r} is given twice; allowed: each value once", fix="leave one of them out")
        found[value.strip()] = meaning.strip()
    return found


def parse_list(text: str) -> list[str]:
    """``a,b`` as a list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_weights(text: str) -> dict[str, float]:
    """``helpfulness=0.7,safety=0.3`` as a mapping.

    Raises:
        ConfigError: a part without ``=``, something else than a number behind it, or a name that stands there twice.
    """
    found: dict[str, float] = {}
    fix = "write --weights helpfulness=0.7,safety=0.3 with the names of the run's objectives"
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise ConfigError(f"--weights: found {part!r}; allowed: NAME=NUMBER", fix=fix)
        if name in found:
            raise ConfigError(f"--weights: {name!r} is given twice; allowed: each objective once", fix="leave one of them out")
        try:
            found[name] = float(value)
        except ValueError:
            raise ConfigError(f"--weights: {name} is {value!r}; allowed: finite numbers of 0 or more", fix=fix) from None
    if not found:
        raise ConfigError(f"--weights: found {text!r}; allowed: NAME=NUMBER,…", fix=fix)
    return found
