"""Flags of every command: of wrong types, extreme, missing, twice, empty, unicode, control bytes, 5,000 characters."""

from __future__ import annotations

import functools
import random
from pathlib import Path
from typing import Any

import typer

from probrm_cli.main import app
from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import any_command
from tests.probrm_cli.generated.strange import NUMBERS, name, text

SLOW = {"--plots", "--referee", "--certificate", "--help", "-h", "--compile"}
"""Flags that ask for seconds of work; ``--help`` is tested elsewhere."""
FILES = {"--data", "--out", "--embeddings", "--config", "--encoder", "--netcdf", "--feedback", "--log"}


@functools.cache
def options(words: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Names of a command's flags, and whether they take a value."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            break
        command = command.get_command(None, word)
    return tuple(
        (name, not param.is_flag)
        for param in command.params
        for name in getattr(param, "opts", ())
        if name.startswith("-") and name not in SLOW
    )


def build(draw: random.Random, folder: Path, material: Path) -> Case:
    """A command that works with one to three of its words spoiled."""
    words = any_command(draw, folder, material)
    known = options(tuple(words[:2]))
    changes = []
    for _ in range(draw.choice((1, 1, 2, 3))):
        changes.append(_spoil(words, known, draw))
    return Case(words, "; ".join(changes)[:300], (words[0],))


def _value(flag: str, draw: random.Random) -> str:
    if flag in FILES and draw.random() < 0.8:
        found = name(draw)
        return "folder" if found == "/" and flag in ("--data", "--log", "--feedback") else found  # likewise
    return draw.choice(NUMBERS) if draw.random() < 0.4 else text(draw, argument=True)


def _spoil(words: list[str], known: tuple[tuple[str, bool], ...], draw: random.Random) -> str:
    given = [i for i, word in enumerate(words[:-1]) if word.startswith("--") and dict(known).get(word)]
    match draw.randrange(9):
        case 0 | 1 | 2 | 3:  # one more flag
            flag, takes = draw.choice(known)
            words += [flag, _value(flag, draw)] if takes else [flag]
            return f"with {flag}"
        case 4 | 5 if given:  # another value
            i = draw.choice(given)
            words[i + 1] = _value(words[i], draw)
            return f"another {words[i]}"
        case 6 if given:  # without it
            i = draw.choice(given)
            gone = words[i]
            del words[i : i + draw.choice((1, 2))]
            return f"without {gone}"
        case 7:  # another argument or command
            i = draw.randrange(min(3, len(words)))
            found = draw.choice((name(draw), text(draw, argument=True)))
            words[i] = "folder" if found == "/" else found  # to read a whole disk takes its time
            return f"word {i} is another"
        case _:
            words.insert(
                draw.randrange(len(words) + 1),
                draw.choice((text(draw, argument=True), name(draw), "--no-such", "-z", "--", "--out=", "--seed=-1")),
            )
            return "one more word"


FLAGS = Kind("flags", build, 14)
