"""Tables of a run's posterior and of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from probrm_cli.terminal import interval, number, print_table, say

if TYPE_CHECKING:
    from probrm.diagnostics.referee import RefereeReport
    from probrm.evaluation import Evaluation, Metric
    from probrm.posterior import Variable
    from probrm.report import Section
    from probrm.reward_benchmarks import BenchmarkResult
    from probrm.runs import Run

_LONG = 30
"""Entries of a variable above which a table shows its ends only; all of them are in --json."""
_ENDS = 3


def print_posterior(run: Run, names: Sequence[str] | None = None, *, resampled: bool = False) -> None:
    """Mean, deviation and interval of the variables; weights over embeddings are left out unless named.

    Args:
        run: any.
        names: of the variables; None takes those that a table can hold.
        resampled: whether its draws were resampled by importance, for the title.
    """
    table = run.summary()
    chosen = names if names is not None else [name for name, variable in table.items() if not _is_weights(name, variable)]
    rows = [row for name in chosen for row in _rows(name, table[name], everything=names is not None)]
    draws = f"{len(next(iter(run.draws.values())))} draws"
    if resampled:
        draws += ", resampled by importance"
    if run.sampled and run.chains > 1:
        draws += f" of {run.chains} chains"
    columns = ("variable", "mean", "sd", "central 90 % interval", *(("ESS bulk", "R̂") if run.sampled else ()))
    print_table(f"posterior of {run.kind} ({draws})", columns, rows)
    hidden = [name for name in table if name not in chosen]
    if hidden and names is None:
        say(f"not shown: {', '.join(hidden)} (--var NAME shows one, --json all)")


def _is_weights(name: str, variable: Variable) -> bool:
    """A table of effects (actions × covariates) is for reading, other tables and weights over embeddings are not."""
    return (variable.mean.ndim > 1 and "effects" not in name) or (variable.mean.ndim > 0 and "_weights" in name)


def _rows(name: str, variable: Variable, everything: bool) -> Iterator[tuple[str, ...]]:
    parts = [variable.mean, variable.sd, variable.low, variable.high]
    if variable.ess_bulk is not None and variable.r_hat is not None:
        parts += [variable.ess_bulk, variable.r_hat]
    lines = [_numbers(*map(float, entry)) for entry in zip(*(part.ravel() for part in parts), strict=True)]
    if variable.mean.ndim == 0:
        yield name, *lines[0]
        return
    axes = list(variable.coords.values()) or [[str(i) for i in range(n)] for n in variable.mean.shape]
    labels = [", ".join(names) for names in product(*axes)]
    order: Sequence[int] = range(len(lines))
    if len(order) > _LONG and not everything:
        order = sorted(order, key=lambda i: float(variable.mean.ravel()[i]))
        order = [*order[:_ENDS], -1, *order[-_ENDS:]]
    for i in order:
        if i < 0:
            yield f"{name}[… {len(lines) - 2 * _ENDS} more]", *("" for _ in lines[0])
        else:
            yield f"{name}[{labels[i]}]", *lines[i]


def _numbers(mean: float, sd: float, low: float, high: float, *mixing: float) -> tuple[str, ...]:
    """A line's cells; effective draws are counted, R̂ is told as exactly as its limit of 1.01 needs."""
    return number(mean), number(sd), interval(low, high), *(number(x, digits) for x, digits in zip(mixing, (0, 3), strict=False))


def print_approximation(run: Run) -> None:
    """How near the guide came to the posterior: Pareto k̂ with its verdict, of a run that has densities of its draws."""
    found = run.metrics.get("diagnostics", {}).get("approximation")
    if not found:
        return
    k_hat = "∞" if found["k_hat"] is None else number(found["k_hat"], 2)
    line = f"Pareto k̂ of the importance ratios: {k_hat}, {found['verdict']} (good below 0.50, usable up to {found['threshold']:.2f})"
    if found["kl"] is not None:
        line += f"; KL to the posterior about {number(found['kl'], 2)} nats"
    say(line + (f"; {found['note']}" if found["note"] else ""))


def print_referee(report: RefereeReport) -> None:
    """The posterior and NUTS, variable by variable, and the bounds of the guides."""
    rows = [
        (
            name,
            f"{number(one.shift_rms, 2)} ({number(one.shift_max, 2)})",
            f"{number(one.sd_ratio_median, 2)} [{number(one.sd_ratio_min, 2)}, {number(one.sd_ratio_max, 2)}]",
            f"{100 * one.coverage:.0f} % ({100 * one.coverage_min:.0f} %)",
            one.verdict,
        )
        for name, one in report.variables.items()
    ]
    seen = f"{report.rows} of {report.of_rows} rows" if report.refitted else f"all {report.rows} rows"
    columns = ("variable", "shift (max)", "ratio of sd", "covers (least)", "")
    title = f"{report.judged} and NUTS on {seen}: shift of the means in sd (root mean square), and what the 90 % intervals cover"
    print_table(title, columns, rows)
    converged = "" if report.converged else "; it has not converged and judges nothing"
    say(f"the referee itself: {report.sampler}{converged}")
    if report.bounds:
        order = sorted(report.bounds.items(), key=lambda item: item[1].gap)
        bounds = [(name, f"{bound.elbo:.2f} ± {bound.error:.2f}", f"{bound.gap:.2f}") for name, bound in order]
        print_table("", ("guide", "ELBO, nats (standard error)", "below the best"), bounds)


_TITLES = {
    "accuracy": "accuracy ↑",
    "auroc": "AUROC ↑",
    "nll": "NLL, nats ↓",
    "brier": "Brier ↓",
    "ece": "ECE ↓",
    "pair_accuracy": "pair accuracy within prompt ↑",
    "coverage": "coverage of the 90 % interval",
    "accuracy_certain_half": "accuracy of the more certain half ↑",
    "certainty_auroc": "AUROC of certainty for being right ↑",
    "aurc": "area under risk–coverage ↓",
    "win_rate": "win rate ↑",
    "ece_20": "ECE, 20 equal bins ↓",
    "elce": "lower bounds (ELCE) ↓",
    "euce": "upper bounds (EUCE) ↓",
    "confident_true": "confident and right ↑",
    "confident_false": "confident and wrong ↓",
    "length_correlation": "length: rank correlation",
    "length_slope": "logits for a doubling",
    "truth_length_correlation": "length: of the truth",
    "length_slope_given_truth": "logits, given the truth",
    "truth_slope_given_reward": "truth, given the reward",
} | {f"ranking_{beta}": f"ranking, β = {beta} ↑" for beta in ("0", "0.01", "0.2", "1")}
_JOINT = "_joint"


def print_evaluation(evaluation: Evaluation, model: str = "model", baseline: str = "baseline", *, unit: str = "rows") -> None:
    """The model and its baseline, with intervals and a verdict a metric."""
    verdicts = evaluation.verdicts()
    rows = [
        (
            _title(name),
            _cell(metric),
            _cell(evaluation.baseline.get(name)),
            _cell(evaluation.difference.get(name)),
            verdicts.get(name) or "",
        )
        for name, metric in evaluation.metrics.items()
        if not (name == "pair_accuracy" and "accuracy" in evaluation.metrics)  # of pairs: the same number
    ]
    columns = ("metric", model, baseline, "difference", "")
    if not evaluation.baseline:
        rows, columns = [row[:2] for row in rows], columns[:2]
    print_table(f"{evaluation.rows} {unit} with a known truth; [central 90 % bootstrap intervals]", columns, rows)


def print_benchmark(result: BenchmarkResult) -> None:
    """Scores of a published benchmark."""
    rows = [(_title(name), _cell(score)) for name, score in result.scores.items()]
    print_table(f"{result.name}, {result.items} items", ("score", "value [90 % interval]"), rows)


def _title(metric: str) -> str:
    """How a table names a metric; those of subsets, ``accuracy:easy`` and ``Chat/easy``, are set in."""
    if set(":/") & set(metric):
        return f"  {metric}"
    if metric.endswith(_JOINT):
        return "  from joint draws"  # below the same metric of two marginal intervals
    return _TITLES.get(metric, metric)


def _cell(metric: Metric | None) -> str:
    return "" if metric is None else f"{number(metric.value)} {interval(metric.low, metric.high)}"


def print_row(found: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    """One row of the fitted file, as ``Recipe.inspect`` gives it: what is known of it, then a table of what has an interval."""
    rows = []
    for path, value in _leaves(found):
        title = titles.get(".".join(path)) or titles.get(".".join((*path[:-1], "*")), ": ".join(path)).replace("{}", path[-1])
        if isinstance(value, tuple):
            mean, low, high = value
            rows.append((title, number(mean), interval(low, high)))
        else:
            first, *rest = f"{title}: {_plain(value)}".split("\n")
            say(first, *(f"  {line}" for line in rest))  # of a text of several lines
    print_table("", ("", "mean", "90 % interval"), rows)


def _plain(value: Any) -> str:
    """A number as the tables show it, a whole one (an action, a label) without decimals; all else as it is."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() else number(value)


def _leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths and values of nested tables; the numbers of an interval come together as mean, low and high."""
    if {"mean", "low", "high"} <= table.keys():
        yield path, (table["mean"], table["low"], table["high"])
        return
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        elif f"{name}_low" in table:
            yield (*path, name), (value, table[f"{name}_low"], table[f"{name}_high"])
        elif f"{name.rpartition('_')[0]}_low" not in table:  # the others were told with their mean
            yield (*path, name), value


def print_section(section: Section) -> None:
    """A section of the report as text: its paragraphs and tables."""
    from probrm.report.blocks import Facts, Grid, Heading, Items, Paragraph

    say("", section.title, *([section.lead] if section.lead else []))
    for block in section.blocks:
        match block:
            case Heading(text) | Paragraph(text):
                say("", text)
            case Items(entries):
                say(*(f"- {entry}" for entry in entries))
            case Facts(pairs):
                say(*(f"{name}: {value}" for name, value in pairs))
            case Grid(columns, rows, caption):
                print_table(caption, columns, rows)
            case _:  # pictures and cards are for the page
                pass
