"""Cells in one process or several: each process one thread, each log's cells together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.implicit import store
from benchmarks.implicit.tasks import Task


def work(tasks: Sequence[Task], folder: Path | None, out: Path, *, workers: int, tell: Callable[[str], None]) -> None:
    """Runs the tasks and keeps their records.

    Args:
        tasks: what has no record yet.
        folder: of the real data.
        out: of the records.
        workers: processes; 1 works in this one.
        tell: is given one line a cell.
    """
    logs = [list(group) for _, group in groupby(tasks, key=lambda task: task.log)]
    for count, (task, record) in enumerate(_records(logs, folder, out, workers), start=1):
        tell(f"[{count}/{len(tasks)}] {line(task, record)}")


def line(task: Task, record: dict[str, Any]) -> str:
    """A cell in a line."""
    where = f"{task.data} {task.mechanism} anchors={task.anchors} seed={task.seed} rate={task.rate:g} {task.method}"
    if task.learning_rate:
        where += f" lr={task.learning_rate:g} batch={task.batch_size}"
    if "error" in record:
        return f"{where}: {record['error']}"
    found = record["metrics"]
    told = "  ".join(f"{name} {found[name]:.3f}" for name in ("nll", "brier", "auroc") if found[name] is not None)
    return f"{where}: {told}  ({record['seconds']:.1f} s)"


def _records(logs: list[list[Task]], folder: Path | None, out: Path, workers: int) -> Iterator[tuple[Task, dict[str, Any]]]:
    if workers == 1:
        for log in logs:
            for task in log:
                yield task, one(task, folder, out)
        return
    _warm(logs, folder, out)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
        waiting = [pool.submit(several, log, folder, out) for log in logs]
        try:
            for finished in as_completed(waiting):
                yield from finished.result()
        except BaseException:  # Ctrl-C too: what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one(task: Task, folder: Path | None, out: Path) -> dict[str, Any]:
    """Runs one cell and keeps its record."""
    from benchmarks.implicit.cells import run

    record = run(task, folder, out)
    store.write(out, task, record)
    return record


def several(log: list[Task], folder: Path | None, out: Path) -> list[tuple[Task, dict[str, Any]]]:
    """Runs the cells of one log."""
    return [(task, one(task, folder, out)) for task in log]


def _warm(logs: list[list[Task]], folder: Path | None, out: Path) -> None:
    """Encodes what is not encoded yet, before several processes do it at once."""
    from benchmarks.implicit.data import load

    for name in dict.fromkeys(log[0].data for log in logs):
        if name != "synthetic" and not (out / "vectors" / f"{name}.safetensors").exists():
            load(name, folder, out, 0)


def _alone() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
