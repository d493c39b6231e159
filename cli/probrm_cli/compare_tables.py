"""The table and the JSON object of ``probrm compare``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probrm_cli.terminal import interval, number, print_table

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation
    from probrm.runs import Run

_LEADING = re.compile(r"(?<![\d.])0(?=\.)")
_COLUMNS = {
    "nll": "NLL ↓",
    "brier": "Brier ↓",
    "auroc": "AUROC ↑",
    "ece": "ECE ↓",
    "pair_accuracy": "pairs ↑",
    "coverage": "coverage",
}
"""Metrics that the table shows, with their titles; ``--json`` has them all."""


def print_comparison(found: Mapping[str, Evaluation], *, unit: str) -> None:
    """A row a model; below each value its interval, the difference to the first model, and what that difference says."""
    first = next(iter(found))
    columns = {name: title for name, title in _COLUMNS.items() if any(name in one.metrics for one in found.values())}
    shown = _short(found)
    rows = [(shown[name], *(_cell(one, metric) for metric in columns)) for name, one in found.items()]
    heading = f"{found[first].rows} {unit} with a known truth; [central 90 % bootstrap intervals]; differences from {shown[first]}"
    print_table(heading, ("model", *columns.values()), rows)


def _cell(one: Evaluation, name: str) -> str:
    metric = one.metrics.get(name)
    if metric is None:
        return "–"
    lines = [number(metric.value), interval(metric.low, metric.high)]
    change = one.difference.get(name)
    if change is not None:
        lines += [f"{change.value:+.3f}", one.verdicts().get(name) or ""]
    return "\n".join(_LEADING.sub("", line) for line in lines)  # six columns and the names have to fit side by side


def _short(names: Iterable[str]) -> dict[str, str]:
    """A run's folder by its last part, unless two have the same."""
    last = {name: Path(name).name for name in names}
    return last if len(set(last.values())) == len(last) else {name: name for name in last}


def to_dict(found: Mapping[str, Evaluation], notes: list[str]) -> dict[str, Any]:
    """The object of ``compare --json``; the first model has no differences."""
    models = {name: {key: one.to_dict()[key] for key in ("metrics", "difference", "verdict")} for name, one in found.items()}
    return {"rows": next(iter(found.values())).rows, "models": models, "notes": notes}


def _held_out(run: Run) -> float:
    return float(run.metrics["diagnostics"]["held_out_log_likelihood"])


def print_held_out(runs: Mapping[str, Run], *, unit: str) -> None:
    """How well each model foretells what was observed in the held-out rows."""
    base = _held_out(next(iter(runs.values())))
    shown = _short(runs)
    rows = [(shown[name], number(_held_out(run), 4), f"{_held_out(run) - base:+.4f}") for name, run in runs.items()]
    count = next(iter(runs.values())).metrics["diagnostics"]["held_out_rows"]
    heading = f"log-likelihood of {count} held-out {unit}, nats each; it says how well actions are foretold, not how good the reward is"
    print_table(heading, ("model", "log-likelihood ↑", f"difference from {shown[next(iter(runs))]}"), rows)


def held_out_dict(runs: Mapping[str, Run]) -> dict[str, Any]:
    """The object of ``compare --json`` without truth: values have no intervals, so there are no verdicts."""
    base = _held_out(next(iter(runs.values())))
    models = {}
    for i, (name, run) in enumerate(runs.items()):
        change = {} if i == 0 else {"held_out_log_likelihood": {"value": _held_out(run) - base, "low": None, "high": None}}
        value = {"value": _held_out(run), "low": None, "high": None}
        models[name] = {"metrics": {"held_out_log_likelihood": value}, "difference": change, "verdict": {}}
    return {"rows": next(iter(runs.values())).metrics["diagnostics"]["held_out_rows"], "models": models, "notes": []}
