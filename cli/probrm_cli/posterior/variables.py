"""Which of a run's variables a command is about: ``--var NAME… --filter like|regex``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from probrm.errors import ConfigError

FILTERS = ("like", "regex")


def choose_variables(known: Sequence[str], wanted: Sequence[str] | None, how: str | None) -> list[str] | None:
    """The names that are meant, in the order in which they were asked for, each once; None where nothing was asked for.

    ``how`` is ArviZ's ``filter_vars``: ``like`` takes a part of a name, ``regex`` a regular expression found in it, None whole names.

    Raises:
        ConfigError: an unknown filter or name, a filter without names, a pattern that is none or that no name matches.
    """
    if how is not None and how not in FILTERS:
        raise ConfigError(f"--filter: found {how!r}; allowed: {', '.join(FILTERS)}", fix="use --filter like")
    if not wanted:
        if how:
            raise ConfigError(f"--filter {how}: there is no --var that it would apply to", fix=f"write --var PART --filter {how}")
        return None
    chosen: dict[str, None] = {}
    for text in wanted:
        found = [name for name in known if _matches(name, text, how)]
        if not found:
            what = {None: "the run has no such variable", "like": "no variable of the run has that in its name"}
            raise ConfigError(
                f"--var {text}: {what.get(how, 'no variable of the run matches it')}; it has {', '.join(known)}",
                fix="name one of these" if how is None else "give a part of one of these",
            )
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _matches(name: str, text: str, how: str | None) -> bool:
    if how == "like":
        return text in name
    if how == "regex":
        try:
            return re.search(text, name) is not None
        except re.error as error:
            raise ConfigError(f"--var {text}: no regular expression: {error}", fix="escape its special characters with \\") from None
    return text == name
