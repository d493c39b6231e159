"""What the objectives are, as ``posterior`` and the report show it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from probrm.data import read_pairs
from probrm.errors import ProbrmError
from probrm.recipes.provenance import fitted_source
from probrm.report.blocks import Block, Grid, Heading, Paragraph, Section
from probrm.report.words import inert, number
from probrm.runs.run import Run
from probrm_models.vrm.objectives.names import LEAST

BEGINNING, END = 60, 30
"""Characters of a text that are shown: a prompt's wishes often stand at its end."""
HARDLY = 0.25
"""Share of an equal weight below which an objective is hardly used."""
_WIDE = 4
"""Objectives that a table with intervals can hold beside each other."""
_LEAD = "A prompt gives each objective a weight (they sum to 1), an answer has a score on each (logits); its reward is the weighted sum of the scores."
_ADDED = (
    "What an objective adds: how much more it favours an answer over the other answers to its prompt than the reward at the average prompt's "
    "weights does (logits). Answers are ranked by it below."
)
_RELY = f"A name can be relied on where scores follow the attribute's ratings with a correlation of {LEAST} or more."


def described(run: Run, spec: Any) -> dict[str, Any]:
    """The run's description of its objectives with the texts of its rows, read from the fitted file; without texts where that is gone.

    Args:
        run: fitted.
        spec: how the fitted file is read.
    """
    found = copy.deepcopy(run.metrics["diagnostics"].get("objectives") or {})
    if not found:
        return {}
    texts = _texts(run, spec)
    for table in found.values():
        for key in ("prompts_most", "prompts_least", "answers_high", "answers_low"):
            for entry in table.get(key, ()):
                if text := texts.get(entry["row"], {}).get(entry.get("side", "prompt")):
                    entry["text"] = text
    for name, checked in (run.metrics["diagnostics"].get("objective_names") or {}).items():
        found.get(name, {})["name"] = checked
    return found


def objectives_section(found: Mapping[str, Any]) -> list[Section]:
    """The section, where there are several objectives: which properties of answers their scores follow, prompts and answers at either end."""
    if not found:
        return []
    blocks: list[Block] = [*_names(found)]
    if all("correlations" in table for table in found.values()):
        blocks.append(_follows(found, "score", "Correlation of scores with properties of the answers, within prompts [90 %]"))
        blocks.append(Paragraph(_ADDED, "quiet"))
        blocks.append(_follows(found, "added", "Correlation of what each objective adds with the same properties [90 %]"))
    if not any("text" in entry for table in found.values() for entry in table["prompts_most"]):
        blocks.append(Paragraph("The texts are missing: the fitted file could not be read again. Rows are named by their ids.", "warn"))
    for name, table in found.items():
        blocks += _objective(name, table, len(found))
    return [Section("objectives", "What the objectives are", _LEAD, blocks)]


def _names(found: Mapping[str, Any]) -> list[Block]:
    """Whether the objectives that are named after attributes follow them."""
    checked = {name: table["name"] for name, table in found.items() if "name" in table}
    if not checked:
        return []
    rows = [
        (inert(name), str(one["prompts"]), *(_interval(one[key]) for key in ("score", "weight")), _verdict(one))
        for name, one in checked.items()
    ]
    columns = ("objective", "prompts", "scores with ratings", "weights with targets", "rely on the name")
    return [Grid(columns, rows, "Names of the objectives on held-out prompts: correlations [90 %]"), Paragraph(_RELY, "quiet")]


def _follows(found: Mapping[str, Any], key: str, caption: str) -> Grid:
    """A line a property, a column an objective."""
    tables = [table["correlations"][key] for table in found.values()]
    properties = list(dict.fromkeys(name for table in tables for name in table))
    cell = _interval if len(found) <= _WIDE else _correlation
    rows = [(inert(name), *(cell(table.get(name)) for table in tables)) for name in properties]
    return Grid(("", *(inert(name) for name in found)), rows, caption)


def _objective(name: str, table: Mapping[str, Any], count: int) -> list[Block]:
    mean, sd = table["weight"]["mean"], table["weight"]["sd"]
    blocks: list[Block] = [Heading(f"{inert(name)}: weight {number(mean, 2)} ± {number(sd, 2)} across prompts")]
    rare = mean < HARDLY / count
    if rare:
        blocks.append(Paragraph("Hardly used: few prompts ask for it, so what it favours plays next to no part in rewards.", "warn"))
    prompts = [(_text(entry), number(entry["weight"], 2)) for entry in (*table["prompts_most"], *table["prompts_least"][::-1])]
    blocks.append(Grid(("prompts that weigh it most, and least", "weight"), prompts))
    if "answers_high" in table and not rare:
        answers = [(_text(entry), number(entry["added"], 2)) for entry in (*table["answers_high"], *table["answers_low"][::-1])]
        blocks.append(Grid(("answers that it favours most, and least", "adds"), answers))
    return blocks


def _texts(run: Run, spec: Any) -> dict[str, dict[str, str]]:
    """Of each row by its id; empty where the file is gone or has changed."""
    try:
        pairs = read_pairs(fitted_source(run), spec)
    except ProbrmError:
        return {}
    return {
        str(row): {"prompt": a.prompt_text, "chosen": a.response, "rejected": b.response}
        for row, a, b in zip(pairs.row_id, pairs.chosen, pairs.rejected, strict=True)
    }


def _text(entry: Mapping[str, Any]) -> str:
    if "text" in entry:
        text = " ".join(inert(entry["text"]).split())
        if len(text) > BEGINNING + END:
            text = f"{text[:BEGINNING].rpartition(' ')[0] or text[:BEGINNING]} … {text[-END:].partition(' ')[2] or text[-END:]}"
        return text
    return inert(f"row {entry['row']}" + (f", {entry['side']}" if "side" in entry else ""))


def _interval(one: Mapping[str, float] | None) -> str:
    return f"{_correlation(one)} [{_two(one['low'])}, {_two(one['high'])}]" if one else "–"


def _correlation(one: Mapping[str, float] | None) -> str:
    return _two(one["value"]) if one else "–"


def _two(value: float | None) -> str:
    """Two digits without the zero before them, so that four intervals fit into a line."""
    return number(None if value is None else round(value, 2) + 0.0, 2).replace("0.", ".", 1)


def _verdict(one: Mapping[str, Any]) -> str:
    if one["reliable"] and one["closer"]:
        return f"more like {inert(one['closer']['name'])}"
    return {True: "yes", False: "no", None: "not known"}[one["reliable"]]
