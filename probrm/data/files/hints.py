"""Words for error messages: close names, short values."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from probrm.errors import ConfigError


def check_known(where: str, name: str, valid: Collection[str], example: str) -> None:
    """Refuses a name in the settings that is none of ``valid``.

    Raises:
        ConfigError: it is none; lists the valid ones, and asks for the closest or gives ``example``.
    """
    if name not in valid:
        raise ConfigError(
            f"{where}: there is no {name!r}; allowed: {', '.join(valid)}", fix=did_you_mean(name, valid) or f"for example {example}"
        )


def did_you_mean(name: str, among: Iterable[str]) -> str | None:
    """A question that names the closest of ``among``, or None where none is close."""
    lower = {candidate.lower(): candidate for candidate in among}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    return f"did you mean {lower[close[0]]!r}?" if close else None


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names joined by commas, the rest counted."""
    names = list(names)
    shown = ", ".join(names[:most])
    return f"{shown}, and {len(names) - most} more" if len(names) > most else shown


def spelled(number: float) -> str:
    """A number as text, short where that is exact: ``1``, ``0.5``, ``1234567.0``."""
    short = f"{number:g}"
    return short if float(short) == number or number != number else repr(float(number))


def shown(value: object, length: int = 40) -> str:
    """A value as found, short enough for a message: ``'yes'``, ``2``, ``nan``."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
