"""The most and the least certain rows, with their texts. The texts are anybody's: they are shown as text and nothing else."""

from __future__ import annotations

import numpy as np

from probrm.report.blocks import Block, Card, Heading, Paragraph, Section
from probrm.report.material import Material
from probrm.report.words import inert, interval, number
from probrm.runs.fitted_rows import FittedRows, RowPredictions

COUNT = 5
BEGINNING, WHOLE = 320, 20_000
"""Characters that are shown at once, and that are in the file at all."""


def rows_section(material: Material) -> Section:
    """Section 8."""
    section = Section("rows", "Most and least certain rows")
    rows, predictions = material.rows, material.predictions
    if rows is None or predictions is None:
        section.blocks.append(Paragraph("The rows are missing: the fitted file could not be read again.", "quiet"))
        return section
    sd = np.asarray(predictions.sd, dtype=float)
    order = [int(i) for i in np.argsort(sd, kind="stable") if np.isfinite(sd[i])]
    count = min(COUNT, len(order) // 2)
    if not count or not sd[order[-1]] > 0:
        section.blocks.append(Paragraph("All rows are equally certain: the posterior has no spread.", "quiet"))
        return section
    chosen = _distinct(rows, order, count), _distinct(rows, order[::-1], count)
    for title, positions in zip((f"The {count} most certain", f"The {count} least certain"), chosen, strict=True):
        section.blocks.append(Heading(f"{title}, by the standard deviation of: {predictions.name}"))
        section.blocks.extend(_card(rows, predictions, i) for i in positions)
    return section


def _distinct(rows: FittedRows, order: list[int], count: int) -> list[int]:
    """The first rows with texts that were not there before: a log repeats itself."""
    seen: set[tuple[str, ...]] = set()
    found: list[int] = []
    for i in order:
        texts = tuple(rows.texts[i].values())
        if texts not in seen:
            seen.add(texts)
            found.append(i)
        if len(found) == count:
            break
    return found


def _card(rows: FittedRows, predictions: RowPredictions, i: int) -> Block:
    mean, low, high = (float(np.asarray(part)[i]) for part in (predictions.mean, predictions.low, predictions.high))
    facts = [(predictions.name, f"{number(mean)} {interval(low, high)}"), ("standard deviation", number(float(predictions.sd[i])))]
    facts += [(name.replace("_", " "), _value(values[i])) for name, values in rows.observed.items() if np.ndim(values) == 1]
    if bool(rows.held_out[i]):
        facts.append(("part", "held out"))
    elif bool(rows.selection[i]):
        facts.append(("part", "held out while starts and steps were chosen"))
    texts = [(name, *_cut(inert(text))) for name, text in rows.texts[i].items()]
    return Card(inert(f"row {rows.ids[i]}"), [(inert(name), inert(value)) for name, value in facts], texts)


def _value(value: object) -> str:
    if isinstance(value, float | np.floating):
        return number(float(value), 0 if float(value).is_integer() else 2)
    return str(value)


def _cut(text: str) -> tuple[str, str]:
    """The beginning, and the whole where that is more."""
    if len(text) <= BEGINNING:
        return text, ""
    beginning = text[:BEGINNING].rsplit(" ", 1)[0] if " " in text[BEGINNING // 2 : BEGINNING] else text[:BEGINNING]
    whole = text if len(text) <= WHOLE else f"{text[:WHOLE]}\n[… {number(len(text) - WHOLE)} more characters are in the file alone]"
    return beginning + " …", whole
