"""What a person sees: bars, notes and tables. Tables go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from probrm.errors import ProbrmError
from probrm.progress import Advance, Progress, silent
from probrm_cli.plain import plain

CELL = 300
"""Characters of a table's cell."""


def say(*lines: object, err: bool = False) -> None:
    """Lines to standard output, or to standard error, each of them one whatever the names and values in it are; what a terminal would obey is
    shown as text. All that is printed goes through here or ``print_table``, but for JSON, which is ASCII.
    """
    typer.echo("\n".join(map(plain, lines)), err=err)


def say_error(error: ProbrmError) -> None:
    """What happened and what helps: each is one line, whatever the names and values in it are."""
    say(f"error: {error.what}", *(f"  {line}" for line in error.more), f"  fix: {error.fix}", err=True)


class Bars:
    """A ``Progress`` that draws rich's bars on standard error."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """One bar, gone when it is done."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}", markup=False),
        )
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(plain(label), total=total, told="", rate="")

            def advance(n: int = 1, **fields: object) -> None:
                beside = "  ".join(
                    plain(f"{name} {value:.5g}" if isinstance(value, float) else f"{name} {value}") for name, value in fields.items()
                )
                speed = bars.tasks[0].speed
                bars.update(task, advance=n, rate=f"{speed:.3g}/s" if speed else "", told=beside or bars.tasks[0].fields["told"])

            yield advance


def progress(quiet: bool) -> Progress:
    """Bars on a terminal, silence elsewhere and with ``--quiet``."""
    return Bars() if sys.stderr.isatty() and not quiet else silent


def tell(notes: Iterable[str], quiet: bool) -> None:
    """Notes, a line each, on standard error."""
    if not quiet:
        for note in notes:
            say(f"note: {note}", err=True)


def print_json(value: Any) -> None:
    """The one JSON object of ``--json``, in ASCII: no terminal or pipe can spoil it."""
    from probrm.runs import finite

    typer.echo(json.dumps(finite(value), allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: Collection[int] = ()) -> None:
    """A table: the first column to the left, the others to the right, but for those of running text, by their positions in ``words``."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_text(title, style="bold") if title else None, title_justify="left", box=SIMPLE_HEAD)
    for i, column in enumerate(columns):
        table.add_column(_text(column), justify="right" if i and i not in words else "left", no_wrap=bool(i) and i not in words)
    for row in rows:
        table.add_row(*map(_text, row))
    wide = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", 110))
    Console(width=wide).print(table)


def _text(cell: str, style: str = "") -> Any:
    """A cell as rich takes it: a name in brackets is no markup."""
    from rich.text import Text

    return Text(plain(cell, lines=True, longest=CELL), style=style)


def number(value: float | None, digits: int = 3) -> str:
    """Fixed digits; a dash for what is not defined."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def interval(low: float, high: float, digits: int = 3) -> str:
    """``[low, high]``."""
    return f"[{number(low, digits)}, {number(high, digits)}]"
