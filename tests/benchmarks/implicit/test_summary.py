from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from benchmarks.implicit import tables
from benchmarks.implicit.store import Results
from benchmarks.implicit.summary import Mean, closed, mean, places, pooled, swapped
from benchmarks.implicit.tables import View, marked, number
from benchmarks.implicit.tasks import Task, learning_study, main_grid, rate_study


def record(task: Task, nll: float, auroc: float | None = 0.7, **more: Any) -> dict[str, Any]:
    metrics = dict.fromkeys(("brier", "ece", "pair_accuracy", "coverage", "mae", "rmse", "r2"), 0.2) | {"nll": nll, "auroc": auroc}
    return asdict(task) | {"metrics": metrics, "seconds": 1.0, "found": {}, "score": [0.1, 0.2, 0.3]} | more


def runs(values: list[float]) -> dict[int, dict[str, Any]]:
    return {seed: record(Task("synthetic", "label", 0, seed, "ips"), value) for seed, value in enumerate(values)}


def test_mean_and_its_standard_error() -> None:
    found = mean([1.0, 2.0, 3.0])
    assert (found.value, found.error, found.count) == (2.0, pytest.approx(1 / np.sqrt(3)), 3)
    assert np.isnan(mean([1.0]).error)
    assert mean([]).count == 0


def test_pooling_over_sets() -> None:
    """Var of the mean of two independent means is a quarter of the sum of theirs."""
    found = pooled([Mean(1.0, 0.3, 5), Mean(2.0, 0.4, 5)])
    assert (found.value, found.error, found.count) == (1.5, pytest.approx(0.25), 10)


def test_places() -> None:
    means = {
        "implicit": Mean(0.60, 0.01, 5),
        "ips": Mean(0.609, 0.05, 5),
        "upu": Mean(0.62, 0.05, 5),
        "oracle": Mean(0.5, 0.01, 5),
        "recrec": Mean(np.nan, np.nan, 0),
    }
    assert places(means, "nll") == {"implicit": 1, "ips": 2, "upu": 0, "oracle": 0, "recrec": 0}
    assert places(means, "auroc") == {"implicit": 2 if 0.62 - 0.05 <= 0.60 else 0, "ips": 2, "upu": 1, "oracle": 0, "recrec": 0}
    assert set(places({"oracle": Mean(0.5, 0.1, 2)}, "nll").values()) == {0}


def test_share_of_the_gap() -> None:
    found = closed(runs([1.0, 1.2]), runs([0.7, 0.8]), runs([0.6, 0.6]), "nll")
    assert found.value == pytest.approx((1.1 - 0.75) / (1.1 - 0.6))
    left_out = np.array([(1.2 - 0.8) / (1.2 - 0.6), (1.0 - 0.7) / (1.0 - 0.6)])  # the jackknife by hand
    assert found.error == pytest.approx(np.sqrt(((left_out - left_out.mean()) ** 2).sum() / 2))
    assert closed(runs([1.0]), runs([0.6]), runs([0.6]), "nll").value == pytest.approx(1.0)
    assert np.isnan(closed(runs([0.5]), runs([0.7]), runs([0.6]), "nll").value)  # known propensities are no better
    assert closed(runs([1.0, 1.0]), runs([0.8]), runs([0.6, 0.6]), "nll").count == 1  # common seeds only


def test_swaps() -> None:
    task = Task("synthetic", "label", 0, 0, "ips")
    oracle = record(task, 0.5)
    assert swapped(record(task, 0.5, auroc=0.45), None)
    assert swapped(record(task, 0.5, auroc=None, score=[0.3, 0.2, 0.1]), oracle)
    assert not swapped(record(task, 0.5, score=[0.1, 0.2, 0.4]), oracle)
    assert not swapped(record(task, 0.5, auroc=0.5, score=[0.53846, 0.53846, 0.53846]), oracle)  # a constant is no swap


def small() -> Results:
    found: Results = {}
    for task in main_grid(["dialsummeval", "synthetic"], ["constant", "user"], [0, 50], range(2), ["implicit", "naive-bayes", "oracle"]):
        level = {"implicit": 0.6, "naive-bayes": 1.0, "oracle": 0.4}[task.method]
        found[task] = record(task, level + 0.01 * task.seed + (0.1 if task.data == "synthetic" else 0.0))
    return found


def test_the_oracle_is_fitted_once_and_shown_everywhere() -> None:
    results = small()
    assert sum(task.method == "oracle" for task in results) == 4  # two sets, two seeds
    assert len(results) == 2 * 2 * 2 * 2 * 2 + 4
    title, rows = tables.main(View(results), "synthetic")
    assert [row[:2] for row in rows] == [[m, name] for m in ("user", "constant") for name in ("implicit", "naive-bayes", "oracle")]
    assert len(title) == len(rows[0]) == 2 + 6
    assert rows[0][2] == "**.705 ± .005** *"
    assert rows[2][2] == rows[5][3] == ".505 ± .005"


def test_the_mean_over_sets_needs_all_of_them() -> None:
    results = small()
    _, rows = tables.main(View(results))
    assert rows[0][2].startswith("**.655")
    for seed in range(2):
        del results[Task("synthetic", "user", 0, seed, "implicit")]
    _, rows = tables.main(View(results))
    assert rows[0][2] == "–"


def test_errors_are_counted_and_not_averaged() -> None:
    results = small()
    task = Task("synthetic", "user", 0, 1, "implicit")
    results[task] = asdict(task) | {"error": "TrainingError: no", "exit": 4}
    title, rows = tables.beside(View(results))
    at = title.index("no result")
    assert {tuple(row[:2]): row[at] for row in rows}["user", "implicit"] == "1"
    assert tables.main(View(results), "synthetic")[1][0][2].startswith("**.700")


def test_studies_stay_out_of_the_main_table() -> None:
    results = small()
    before = tables.main(View(results))
    studied = rate_study(["synthetic"], range(2), ["implicit", "oracle"]) + learning_study(["synthetic"], range(2), ["implicit"])
    for task in studied:
        results.setdefault(task, record(task, 2.0))
    assert tables.main(View(results))[0] == before[0]
    assert [row for row in tables.main(View(results), "synthetic")[1] if row[0] == "user"] == [
        row for row in tables.main(View(small()), "synthetic")[1] if row[0] == "user"
    ]
    title, rows = tables.rates(View(results))
    assert [row[:2] for row in rows] == [["synthetic", "implicit"], ["synthetic", "oracle"]]
    assert len(set(rows[1][2:])) == 1  # it masks nothing
    assert len(tables.learning(View(results))[1]) == 1
    assert len(title) == len(rows[0])


@pytest.mark.parametrize(("value", "text"), [(0.5, ".500"), (1.25, "1.250"), (-0.031, "-.031"), (float("nan"), "–"), (0.9999, "1.000")])
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_marks() -> None:
    one = Mean(0.65, 0.01, 5)
    assert [marked(one, place) for place in (0, 1, 2)] == [".650 ± .010", "**.650 ± .010** *", "**.650 ± .010**"]
    assert marked(Mean(0.65, float("nan"), 1), 0) == ".650"
    assert marked(Mean(float("nan"), float("nan"), 0), 1) == "–"
