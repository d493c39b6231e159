"""The tables and the JSON object of ``probrm compare``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probrm_cli.terminal import interval, number, print_table, say

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation
    from probrm.recipes.loo_comparison import LooComparison, RunLoo
    from probrm.runs import Run

_LEADING = re.compile(r"(?<![\d.])0(?=\.)")
_COLUMNS = {
    "nll": "NLL ↓",
    "brier": "Brier ↓",
    "auroc": "AUROC ↑",
    "ece": "ECE ↓",
    "pair_accuracy": "pairs ↑",
    "coverage": "coverage",
    "win_rate": "win rate ↑",
    "elce": "bounds ↓",
    "confident_true": "sure, right ↑",
    "confident_false": "sure, wrong ↓",
    "confident_true_joint": "joint, right ↑",
    "confident_false_joint": "joint, wrong ↓",
    "length_correlation": "length, ρ",
    "length_slope": "slope",
    "truth_length_correlation": "of truth, ρ",
    "length_slope_given_truth": "given truth",
    "truth_slope_given_reward": "truth, given reward",
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


def print_loo(found: LooComparison, *, unit: str) -> None:
    """A row a run: its leave-one-out density, and its caveats; below the table why a run has none."""
    shown = _short(found.runs)
    rows = [(shown[name], *_loo_cells(run)) for name, run in found.runs.items()]
    base = shown[found.reference or next(iter(shown))]
    part = f"{found.used} of the {found.rows}" if found.used < found.rows else f"the {found.rows}"
    heading = f"PSIS-LOO: each of {part} fitted {unit} predicted from the others, nats; ± standard error; differences from {base}"
    print_table(heading, ("model", "elpd ↑", "per row", "difference", "", "p_loo", "k̂ too high", "weight"), rows)
    for name, run in found.runs.items():
        if run.loo is None:
            say(f"  {shown[name]}: no leave-one-out: {run.reason}")
        elif run.loo.doubtful:
            share = run.loo.doubtful / found.used
            say(
                f"  {shown[name]}: k̂ is above {run.loo.threshold:.2f} in {run.loo.doubtful} of {found.used} {unit}: "
                + (
                    "few enough to leave the sum as it is"
                    if share < 0.01
                    else "its elpd may well be too high; other rows (--data) say more"
                )
            )


def _loo_cells(run: RunLoo) -> tuple[str, ...]:
    if run.loo is None:
        return ("–",) * 7
    change = run.change
    return (
        f"{run.loo.elpd:.1f} ± {run.loo.se:.1f}",
        number(run.loo.per_row, 4),
        "" if change is None else f"{change.value:+.1f} ± {change.se:.1f}",
        "" if change is None else change.verdict(),
        number(run.loo.p_loo, 1),
        str(run.loo.doubtful),
        number(run.weight, 2),
    )


def _held_out(run: Run) -> float:
    return float(run.metrics["diagnostics"]["held_out_log_likelihood"])


def print_held_out(runs: Mapping[str, Run], *, unit: str) -> None:
    """How well each model predicts what was observed in the held-out rows."""
    base = _held_out(next(iter(runs.values())))
    shown = _short(runs)
    rows = [(shown[name], number(_held_out(run), 4), f"{_held_out(run) - base:+.4f}") for name, run in runs.items()]
    count = next(iter(runs.values())).metrics["diagnostics"]["held_out_rows"]
    heading = f"log-likelihood of {count} held-out {unit}, nats each; it says how well actions are predicted, not how good the reward is"
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
