"""Pair models on real preferences: the variational reward model against Bradley–Terry.

    OMP_NUM_THREADS=1 PROBRM_DATA=FOLDER python -m benchmarks.pairs --out FOLDER \
        [--page benchmarks/results/pairs.md] [--figure docs/figures/vrm_results.svg]

Each fit appends a line to ``results.jsonl`` in --out, and is not done again; with nothing left to fit it is a minute's work to print the
tables. --page puts them between their marks in that page, --figure draws the differences. All fits take some hours on one core; --fast fits VRM and
Bradley–Terry to one split of each set, some minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.pairs import tables
from benchmarks.pairs.data import SETS, Encoded, load
from benchmarks.pairs.figures import draw
from benchmarks.pairs.fits import Task, run
from benchmarks.pairs.models import MODELS
from benchmarks.pairs.store import read, write

PLAIN = ["bt", "bt-bayes", "bt-bayes-independent", "vrm"]
PUBLISHED = {"dialsummeval": range(5), "ukp": range(2)}
SUPERVISED = [name for name, compared in MODELS.items() if compared.scored]
LIMITED = {"dialsummeval": (9, 30), "ukp": (9,)}
"""Training prompts that are kept, to see what few of them do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for raw results; outside the repository")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--text", choices=["pair", "response"], default="pair", help="what the encoder sees of a response")
    parser.add_argument("--prompts", type=int, help="keep so many training prompts only")
    parser.add_argument("--weight", type=float, default=1.0, help="of each training pair; below 1 tempers the likelihood")
    parser.add_argument("--fast", action="store_true", help="VRM and Bradley–Terry on one split of each set")
    parser.add_argument("--report", action="store_true", help="fit nothing")
    parser.add_argument("--page", type=Path, help="a page whose tables are renewed")
    parser.add_argument("--figure", type=Path, help="an SVG to draw")
    chosen = parser.parse_args()
    if chosen.fast:
        chosen.models, chosen.seeds = ["bt", "bt-bayes", "vrm"], [0]
    if "PROBRM_DATA" not in os.environ:
        print("PROBRM_DATA is unset: nothing to measure on. It names the folder with dialsummeval/, pandalm/, llmfao/ and ukp/.")
        sys.exit(0)
    chosen.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not chosen.report:
        _fit(chosen, console)
    _report(chosen, console)


def tasks(chosen: argparse.Namespace) -> list[Task]:
    """Every fit that is asked for; without choices what docs/vrm_results.md shows."""
    limits = chosen.prompts, chosen.weight
    if chosen.fast:
        return [Task(data, model, seed, chosen.text) for seed in chosen.seeds for data in chosen.sets for model in chosen.models]
    if limits != (None, 1.0):
        return [Task(data, model, seed, chosen.text, *limits) for seed in chosen.seeds for data in chosen.sets for model in chosen.models]
    found = [Task(data, model, seed, chosen.text) for seed in chosen.seeds for data in chosen.sets for model in PLAIN]
    found += [Task("dialsummeval", model, seed, chosen.text) for seed in chosen.seeds for model in SUPERVISED]
    found += [
        Task(data, model, seed, chosen.text)
        for data, seeds in PUBLISHED.items()
        for seed in seeds
        for model in ("published-pair", "published-latent")
    ]
    found += [
        Task(data, model, seed, chosen.text, keep)
        for data, counts in LIMITED.items()
        for keep in counts
        for seed in chosen.seeds
        for model in ("bt", "bt-bayes", "vrm")
    ]
    return [task for task in found if task.data in chosen.sets and task.model in chosen.models and task.seed in chosen.seeds]


def _fit(chosen: argparse.Namespace, console: Console) -> None:
    loaded: dict[str, Encoded] = {}

    def data(name: str) -> Encoded:
        if name not in loaded:
            loaded[name] = load(name, Path(os.environ["PROBRM_DATA"]), chosen.text)
        return loaded[name]

    for task in tasks(chosen):
        if task not in read(chosen.out):
            record = run(data(task.data), task)
            write(chosen.out, record)
            told = "  ".join(f"{name} {record['metrics'][name]:.3f}" for name in ("accuracy", "nll", "ece"))
            console.print(f"{task}: {told}  ({record['seconds']} s)", highlight=False, soft_wrap=True)


def _report(chosen: argparse.Namespace, console: Console) -> None:
    results, made = read(chosen.out), {}
    for name, rows in _tables(chosen.text).items():
        made[name] = rows(results)
        if made[name]:
            console.print(tables.terminal(name, made[name]))
    if chosen.figure:
        draw(results, chosen.figure, chosen.text)
    if chosen.page is None:
        return
    page = chosen.page.read_text()
    for name, rows in made.items():
        mark = f"<!-- {name} -->"
        page = re.sub(f"{mark}.*?{mark}", f"{mark}\n\n{tables.markdown(name, rows)}\n\n{mark}", page, flags=re.DOTALL)
    chosen.page.write_text(page)


def _tables(text: str) -> dict[str, Callable[[tables.Results], list[list[str]]]]:
    return {
        "metrics": lambda results: tables.metrics(results, text),
        "differences": lambda results: tables.differences(results, text),
        "supervision": lambda results: tables.supervision(results, text),
        "limits": lambda results: tables.limits(results, text),
    }


if __name__ == "__main__":
    main()
