"""The tables of the page, as rows of text."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from benchmarks.implicit.data import SETS
from benchmarks.implicit.methods import names
from benchmarks.implicit.store import Results
from benchmarks.implicit.summary import KNOWN, NAIVE, Mean, closed, index, mean, places, pooled, swapped, values
from benchmarks.implicit.tasks import BATCH_SIZES, LEARNING_RATES, RATES, STUDY, Task
from probrm.simulation import MECHANISMS

Index = dict[Task, dict]
Table = tuple[list[str], list[list[str]]]
SHOWN = {"nll": "NLL", "brier": "Brier", "auroc": "AUROC"}
BESIDE = {"ece": "ECE", "pair_accuracy": "pair accuracy", "coverage": "coverage", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}


class View:
    """Results of the main grid, ordered."""

    def __init__(self, results: Results) -> None:
        self.found: Index = index(results)
        main = [t for t in results if not t.learning_rate and t.rate == Task("", "", 0, 0, "").rate]
        inside = [t for t in main if t.method != "oracle"]
        self.datasets = sorted({t.data for t in main}, key=SETS.index)
        self.mechanisms = sorted({t.mechanism for t in inside}, key=list(MECHANISMS).index)
        self.anchors = sorted({t.anchors for t in inside})
        self.errors = Counter((t.mechanism, t.method) for t in main if "error" in results[t])
        self.methods = sorted({t.method for t in main}, key=names().index)

    def records(self, data: str, mechanism: str, anchors: int, method: str) -> dict:
        """By seed."""
        return self.found.get(replace(Task(data, mechanism, anchors, 0, method).asked, seed=0), {})

    def mean(self, data: str | None, mechanism: str, anchors: int, method: str, metric: str) -> Mean:
        """Of one set, or over those sets that have the method; NaN where one of the sets that others have is missing."""
        if data is not None:
            return mean(values(self.records(data, mechanism, anchors, method), metric).values())
        return pooled(self.mean(one, mechanism, anchors, method, metric) for one in self.datasets)


def main(view: View, data: str | None = None) -> Table:
    """One row a mechanism and method; NLL, Brier and AUROC by the number of anchors. ``data`` None: the mean over sets."""
    columns = [(metric, count) for metric in SHOWN for count in view.anchors]
    title = ["mechanism", "method", *(f"{SHOWN[metric]}, {count} labels" for metric, count in columns)]
    rows = []
    for mechanism in view.mechanisms:
        means = {c: {m: view.mean(data, mechanism, c[1], m, c[0]) for m in view.methods} for c in columns}
        place = {c: places(means[c], c[0]) for c in columns}
        for method in view.methods:
            if any(means[c][method].count for c in columns):
                rows.append([mechanism, method, *(marked(means[c][method], place[c][method]) for c in columns)])
    return title, rows


def gap(view: View) -> Table:
    """Share of the gap between the naive model and known propensities that each method closes, at the same number of labels."""
    columns = [(metric, count) for metric in ("nll", "auroc") for count in view.anchors]
    title = ["data", "mechanism", "method", *(f"{SHOWN[metric]}, {count} labels" for metric, count in columns)]
    rows = []
    for data in view.datasets:
        for mechanism in view.mechanisms:
            for method in (m for m in view.methods if m not in (NAIVE, KNOWN, "oracle")):
                cells = []
                for metric, count in columns:
                    naive, ours, known = (view.records(data, mechanism, count, name) for name in (NAIVE, method, KNOWN))
                    cells.append(percent(closed(naive, ours, known, metric)))
                if set(cells) != {"–"}:
                    rows.append([data, mechanism, method, *cells])
    return title, rows


def beside(view: View) -> Table:
    """The other metrics, over all numbers of labels: mean over sets, mechanisms and anchors."""
    title = ["mechanism", "method", *BESIDE.values(), "swapped", "seconds", "exit 3", "no result"]
    rows = []
    for mechanism in view.mechanisms:
        for method in view.methods:
            cells = [(data, count) for data in view.datasets for count in view.anchors]
            records = [(data, view.records(data, mechanism, count, method)) for data, count in cells]
            flat = [(data, seed, r) for data, found in records for seed, r in found.items()]
            if not flat:
                continue
            shown = [number(mean(v for _, found in records for v in values(found, metric).values()).value) for metric in BESIDE]
            wrong = [swapped(r, view.records(data, mechanism, 0, "oracle").get(seed)) for data, seed, r in flat]
            seconds = np.mean([r["seconds"] for *_, r in flat])
            told = sum(r["found"].get("exit") == 3 for *_, r in flat)
            counts = [f"{sum(wrong)} of {len(wrong)}", f"{seconds:.1f}", str(told), str(view.errors[mechanism, method])]
            rows.append([mechanism, method, *shown, *counts])
    return title, rows


def rates(view: View, metric: str = "nll") -> Table:
    """By the share of good answers that draw an action; no labels."""
    title = ["data", "method", *(f"{rate:g}" for rate in RATES)]
    return title, _study(view, metric, [{"rate": rate} for rate in RATES], all_methods=True)


def learning(view: View, metric: str = "nll") -> Table:
    """By learning rate and batch size; no labels."""
    settings = [{"learning_rate": rate, "batch_size": size} for rate in LEARNING_RATES for size in BATCH_SIZES]
    return ["data", "method", *(f"{s['learning_rate']:g}, {s['batch_size']}" for s in settings)], _study(view, metric, settings)


def _study(view: View, metric: str, settings: list[dict], *, all_methods: bool = False) -> list[list[str]]:
    rows = []
    for data in SETS:
        for method in names():
            if method == "oracle" and not all_methods:
                continue
            tasks = [replace(Task(data, STUDY, 0, 0, method, **one).asked, seed=0) for one in settings]
            means = [mean(values(view.found.get(task, {}), metric).values()) for task in tasks]
            if sum(one.count > 0 for one in means) > 1 or (method == "oracle" and means[0].count):
                rows.append([data, method, *(marked(one, 0) for one in means)])
    studied = {data for data, method, *_ in rows if method != "oracle"}
    return [row for row in rows if row[0] in studied]


def marked(one: Mean, place: int) -> str:
    """``.652 ± .003``, bold where it is first or within one standard error of the first; the first has a star."""
    if not one.count or np.isnan(one.value):
        return "–"
    text = number(one.value) + ("" if np.isnan(one.error) else f" ± {number(one.error)}")
    return f"**{text}**{' *' if place == 1 else ''}" if place else text


def number(value: float) -> str:
    """Three digits, no leading zero."""
    return "–" if np.isnan(value) else f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def percent(one: Mean) -> str:
    """A share with its standard error."""
    if np.isnan(one.value):
        return "–"
    return f"{100 * one.value:.0f} %" + ("" if np.isnan(one.error) else f" ± {100 * one.error:.0f}")
