from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.implicit import __main__ as harness
from benchmarks.implicit import cells, data, methods, store, working
from benchmarks.implicit.tasks import Task
from probrm.inference import Laplace, fit
from probrm_models.implicit.naive import NaiveModel

QUICK = ["--datasets", "synthetic", "--mechanisms", "constant", "--anchors", "0", "50", "--seeds", "2"]
CHEAP = ["--methods", "naive-bayes", "base-rate", "oracle"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data.synthetic
    cells._answers.cache_clear()
    cells._job.cache_clear()
    monkeypatch.setattr(data, "synthetic", lambda seed, n=600: whole(seed, n))
    monkeypatch.delenv("PROBRM_DATA", raising=False)


def run(out: Path, *more: str) -> None:
    harness.main(["--out", str(out), *QUICK, *CHEAP, *more])


def test_from_cells_to_page_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, figure = tmp_path / "page.md", tmp_path / "figures" / "f.png"
    run(tmp_path / "out", "--page", str(page), "--figure", str(figure))
    told = capsys.readouterr().out
    assert "10 cells, 0 of them done" in told
    assert "[10/10]" in told
    results = store.read_all(tmp_path / "out")
    assert len(results) == 10  # 2 seeds × (2 numbers of labels × 2 methods + the oracle)
    assert not [r for r in results.values() if "error" in r]
    text = page.read_text()
    assert text.count("<!-- main -->") == 2
    assert "| constant | oracle |" in text
    assert figure.stat().st_size > 10_000
    page.write_text(text.replace("oracle", "was here").replace("# The implicit", "# My own words\n\n# The implicit"))
    harness.main(["--out", str(tmp_path / "out"), "--report", "--page", str(page)])
    assert page.read_text() == text.replace("# The implicit", "# My own words\n\n# The implicit")


def test_what_is_there_is_not_fitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fitted: list[Task] = []
    whole = cells.run

    def interrupted(task: Task, folder: Path | None, out: Path) -> dict[str, Any]:
        if len(fitted) == 4:
            raise KeyboardInterrupt
        fitted.append(task)
        return whole(task, folder, out)

    monkeypatch.setattr(cells, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert len(store.read_all(tmp_path)) == 4
    monkeypatch.setattr(cells, "run", whole)
    run(tmp_path)
    assert "10 cells, 4 of them done" in capsys.readouterr().out
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    run(tmp_path, "--report")
    run(tmp_path)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    run(tmp_path, "--redo")
    assert all(path.stat().st_mtime_ns > when for path, when in times.items())


def test_records_are_the_same_again_but_for_the_seconds(tmp_path: Path) -> None:
    task = Task("synthetic", "independent", 10, 0, "naive-bayes")
    one, other = (working.one(task, None, tmp_path / name) for name in ("a", "b"))
    cells._job.cache_clear()
    again = working.one(task, None, tmp_path / "a")
    for r in (one, other, again):
        r.pop("seconds")
    assert one == other == again
    json.dumps(one, allow_nan=False)


def test_a_method_that_fails_is_recorded_and_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task("synthetic", "constant", 0, 0, "base-rate")

    def broken(job: Any, task: Task) -> methods.Answer:
        raise ValueError("no")

    monkeypatch.setattr(cells, "method", lambda name: broken)
    assert working.one(task, None, tmp_path)["error"] == "ValueError: no"
    assert store.done(tmp_path, task)
    assert not store.done(tmp_path, task, retry=True)
    assert "ValueError: no" in working.line(task, store.read_all(tmp_path)[task])


def test_what_the_methods_without_a_model_say(tmp_path: Path) -> None:
    """base-rate: (2 + k)/(4 + n) of the labels; the oracle beats it, the naive model predicts actions."""
    records = {
        name: cells.run(Task("synthetic", "constant", 50, 0, name), None, tmp_path) for name in ("base-rate", "oracle", "naive-bayes")
    }
    job = cells._job(Task("synthetic", "constant", 50, 0, ""), None, tmp_path)
    label = job.data["label"]
    rate = (2 + float(label.nansum())) / 54
    assert records["base-rate"]["found"]["base_rate"] == pytest.approx(rate)
    truth = job.truth.truth
    expected = -np.mean(truth * np.log(rate) + (1 - truth) * np.log(1 - rate))
    assert records["base-rate"]["metrics"]["nll"] == pytest.approx(expected)
    assert records["base-rate"]["metrics"]["r2"] == pytest.approx(1 - np.mean((truth - rate) ** 2) / truth.var())
    assert records["oracle"]["metrics"]["nll"] < 0.6 < records["naive-bayes"]["metrics"]["nll"]
    assert records["oracle"]["metrics"]["auroc"] > 0.75
    assert records["oracle"]["metrics"]["coverage"] is not None
    assert records["base-rate"]["metrics"]["coverage"] is None


def test_oracle_is_given_nothing_by_masks_and_labels(tmp_path: Path) -> None:
    asked = [Task("synthetic", "label", 200, 3, "oracle", rate=0.8), Task("synthetic", "user", 0, 3, "oracle")]
    assert {task.asked for task in asked} == {Task("synthetic", "constant", 0, 3, "oracle")}


@pytest.mark.long
def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    tasks = [Task("synthetic", "constant", count, 0, "base-rate") for count in (0, 10)]
    told: list[str] = []
    working.work(tasks, None, tmp_path, workers=2, tell=told.append)
    assert len(told) == 2
    assert set(store.read_all(tmp_path)) == set(tasks)


def test_the_implicit_model_is_asked_for_what_the_task_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known propensities go to one method alone, the held-out rows to all, and a rival mode is exit 3."""
    calls: list[tuple[Any, dict[str, Any]]] = []

    def fit_implicit(batch: Any, shape: Any, settings: Any, **more: Any) -> Any:
        calls.append((batch, more))
        fitted = fit(NaiveModel(shape), batch, inference=Laplace(draws=20), starts=1, device="cpu")
        return SimpleNamespace(fitted=fitted, identifiability={"verdict": "identified"}, rivals=[fitted] if len(calls) == 1 else [])

    monkeypatch.setitem(sys.modules, "probrm_models.implicit.fit", SimpleNamespace(fit_implicit=fit_implicit))
    common = Task("synthetic", "independent", 10, 0, "")
    tasks = [replace(common, method="implicit"), replace(common, method="known-propensity")]
    tasks.append(replace(common, method="implicit-svi", learning_rate=0.1, batch_size=32))
    records = [cells.run(task, None, tmp_path) for task in tasks]
    job = cells._job(common, None, tmp_path)
    assert [(r["found"]["exit"], r["found"]["verdict"]) for r in records] == [(3, "identified"), (0, "identified"), (0, "identified")]
    assert ["known_propensity" in batch for batch, _ in calls] == [False, True, False]
    assert torch.equal(calls[1][0]["known_propensity"], job.propensity)
    assert all(np.array_equal(more["held_out"], job.held_out) for _, more in calls)
    assert [more["inference"].name for _, more in calls] == ["laplace", "laplace", "svi"]
    assert (calls[2][1]["inference"].learning_rate, calls[2][1]["inference"].batch_size) == (0.1, 32)
    assert all(r["metrics"]["coverage"] is not None for r in records)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_baseline_of_the_literature(tmp_path: Path, rate: float) -> None:
    """By L-BFGS as it comes, by Adam where the task names a learning rate."""
    task = Task("synthetic", "constant", 50, 0, "ips", rate=0.4, learning_rate=rate, batch_size=128 if rate else 0)
    record = cells.run(task, None, tmp_path)
    assert record["metrics"]["auroc"] > 0.7, record
    assert record["found"]["held_out"] < 0


def test_every_method_of_the_literature_is_there() -> None:
    assert {"naive", "ips", "doubly-robust", "upu", "nnpu", "sar-em", "recrec", "rel-mf", "unbiased-bpr"} <= set(methods.names())
    assert "implicit-svi" not in methods.by_default()
    assert set(methods.by_default()) < set(methods.names())
    with pytest.raises(KeyError):
        methods.method("magic")


def test_studies(tmp_path: Path) -> None:
    parse = harness._parser().parse_args
    given = harness.tasks(parse(["--out", "x", "--studies", "rate", "learning", "--datasets", "synthetic", "--seeds", "1"]))
    assert {task.rate for task in given} == {0.05, 0.1, 0.2, 0.4, 0.8}
    trained = {task.method for task in given if task.learning_rate}
    assert trained == {*methods.baselines(), "implicit-svi"}
    assert len([task for task in given if task.learning_rate]) == 9 * len(trained)


def test_real_data_need_their_folder(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="PROBRM_DATA is unset"):
        harness.main(["--out", str(tmp_path), "--datasets", "ukp", "--seeds", "1"])
