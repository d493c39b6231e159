"""Tables of a run's posterior and of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from probrm_cli.terminal import interval, number, print_table

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, Metric
    from probrm.posterior import Variable
    from probrm.runs import Run

_LONG = 30
"""Entries of a variable above which a table shows its ends only; all of them are in --json."""
_ENDS = 3


def print_posterior(run: Run, names: Sequence[str] | None = None) -> None:
    """Mean, deviation and interval of the variables; weights over embeddings are left out unless named."""
    table = run.summary()
    chosen = names or [name for name, variable in table.items() if not _is_weights(name, variable)]
    rows = [row for name in chosen for row in _rows(name, table[name], everything=bool(names))]
    print_table(f"posterior of {run.kind} ({len(next(iter(run.draws.values())))} draws)", ("variable", "mean", "sd", "90 % interval"), rows)
    hidden = [name for name in table if name not in chosen]
    if hidden and not names:
        typer.echo(f"not shown: {', '.join(hidden)} (--var NAME shows one, --json all)")


def _is_weights(name: str, variable: Variable) -> bool:
    return variable.mean.ndim > 0 and ("_weights" in name)


def _rows(name: str, variable: Variable, everything: bool) -> Iterator[tuple[str, ...]]:
    if variable.mean.ndim == 0:
        yield name, number(float(variable.mean)), number(float(variable.sd)), interval(float(variable.low), float(variable.high))
        return
    labels = next(iter(variable.coords.values()), [str(i) for i in range(len(variable.mean))])
    order: Sequence[int] = range(len(variable.mean))
    if len(order) > _LONG and not everything:
        order = sorted(order, key=lambda i: float(variable.mean[i]))
        order = [*order[:_ENDS], -1, *order[-_ENDS:]]
    for i in order:
        if i < 0:
            yield f"{name}[… {len(variable.mean) - 2 * _ENDS} more]", "", "", ""
            continue
        low, high = float(variable.low[i]), float(variable.high[i])
        yield f"{name}[{labels[i]}]", number(float(variable.mean[i])), number(float(variable.sd[i])), interval(low, high)


_TITLES = {
    "auroc": "AUROC ↑",
    "nll": "NLL, nats ↓",
    "brier": "Brier ↓",
    "ece": "ECE ↓",
    "pair_accuracy": "pair accuracy within prompt ↑",
    "coverage": "coverage of the 90 % interval",
}


def print_evaluation(evaluation: Evaluation) -> None:
    """The model beside its baseline, with intervals and a verdict a metric."""
    verdicts = evaluation.verdicts()
    rows = [
        (
            _TITLES.get(name, name),
            _cell(metric),
            _cell(evaluation.baseline.get(name)),
            _cell(evaluation.difference.get(name)),
            verdicts.get(name) or "",
        )
        for name, metric in evaluation.metrics.items()
    ]
    columns = ("metric", "reward model", "naive model", "difference", "")
    if not evaluation.baseline:
        rows, columns = [row[:2] for row in rows], columns[:2]
    print_table(f"{evaluation.rows} rows with a known truth; [central 90 % bootstrap intervals]", columns, rows)


def _cell(metric: Metric | None) -> str:
    return "" if metric is None else f"{number(metric.value)} {interval(metric.low, metric.high)}"


def print_row(found: Mapping[str, object]) -> None:
    """One row of a log, as ``Recipe.inspect`` gives it."""
    for name in ("row", "prompt", "response", "action", "label"):
        typer.echo(f"{name}: {found[name]}")
    rewards: Mapping[str, float] = found["reward"]  # type: ignore[assignment]
    rows = [
        ("reward (logit)", number(rewards["reward"]), interval(rewards["reward_low"], rewards["reward_high"])),
        ("probability of preference", number(rewards["probability"]), interval(rewards["probability_low"], rewards["probability_high"])),
    ]
    for group, title in (("strata", "stratum {}"), ("propensity_log_odds", "propensity: {} (log-odds)")):
        parts: Mapping[str, Mapping[str, float]] = found[group]  # type: ignore[assignment]
        rows += [(title.format(name), number(x["mean"]), interval(x["low"], x["high"])) for name, x in parts.items()]
    propensity: Mapping[str, float] = found["propensity"]  # type: ignore[assignment]
    rows.append(("propensity to act", number(propensity["mean"]), interval(propensity["low"], propensity["high"])))
    print_table("", ("", "mean", "90 % interval"), rows)
