"""The tables on a page, between their marks, and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table as RichTable

from benchmarks.implicit import tables
from benchmarks.implicit.tables import Table, View


def made(view: View) -> dict[str, Table]:
    """Every table that there are results for, by the name of its mark."""
    found = {"main": tables.main(view)}
    if len(view.datasets) > 1:
        found |= {f"main-{data}": tables.main(view, data) for data in view.datasets}
    found |= {"gap": tables.gap(view), "beside": tables.beside(view)}
    found |= {"rates": tables.rates(view), "rates-auroc": tables.rates(view, "auroc")}
    found |= {"learning": tables.learning(view), "learning-auroc": tables.learning(view, "auroc")}
    return {name: table for name, table in found.items() if table[1]}


def renew(page: Path, found: Mapping[str, Table]) -> list[str]:
    """Puts each table between its two marks ``<!-- NAME -->``; what stands there goes.

    Returns:
        Names of tables for which the page has no marks.
    """
    text = page.read_text() if page.exists() else skeleton(list(found))
    absent = []
    for name, table in found.items():
        mark = f"<!-- {name} -->"
        if text.count(mark) != 2:
            absent.append(name)
            continue
        block = f"{mark}\n\n{markdown(table)}\n\n{mark}"
        text = re.sub(f"{re.escape(mark)}.*?{re.escape(mark)}", lambda _, block=block: block, text, flags=re.DOTALL)
    page.write_text(text)
    return absent


HEADINGS = {
    "main": "Mean over the data sets",
    "gap": "Share of the gap closed",
    "beside": "Other metrics, swaps and seconds",
    "rates": "Share of good answers that draw an action: NLL",
    "rates-auroc": "Share of good answers that draw an action: AUROC",
    "learning": "Learning rate and batch size: NLL",
    "learning-auroc": "Learning rate and batch size: AUROC",
}


def skeleton(names: list[str]) -> str:
    """A page with nothing but headings and marks."""
    parts = ["# The implicit model against the baselines\n"]
    parts += [f"## {HEADINGS.get(name) or name.removeprefix('main-')}\n\n<!-- {name} -->\n<!-- {name} -->\n" for name in names]
    return "\n".join(parts)


def markdown(table: Table) -> str:
    """A pipe table."""
    title, rows = table
    return "\n".join(["| " + " | ".join(row) + " |" for row in (title, ["---"] * len(title), *rows)])


def terminal(name: str, table: Table) -> RichTable:
    """For rich."""
    title, rows = table
    shown = RichTable(title=HEADINGS.get(name, name))
    for column in title:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(cell.replace("**", "") for cell in row))
    return shown
