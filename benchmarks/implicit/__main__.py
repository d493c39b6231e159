"""The implicit model against the baselines of the literature, on logs with a known truth.

    OMP_NUM_THREADS=1 PROBRM_DATA=FOLDER python -m benchmarks.implicit --out FOLDER --workers 2 \\
        [--studies rate learning] [--page benchmarks/results/implicit.md] [--figure docs/figures/implicit_results.png]

Each cell (data set, mechanism, number of labels, seed, method) leaves a file in --out and is not fitted again; --redo fits
the chosen ones anew, --retry those that failed. --report fits nothing. --page puts the tables between their marks in that page (a page
that does not exist is begun), --figure draws it. Without PROBRM_DATA only --datasets synthetic can be measured.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.implicit import methods, store
from benchmarks.implicit.data import SETS
from benchmarks.implicit.tasks import ANCHORS, GRID, Task, learning_study, main_grid, rate_study
from benchmarks.implicit.working import work
from probrm.simulation import MECHANISMS

STUDY_SETS = ("dialsummeval", "synthetic")
"""Where the sensitivity studies are made, unless --datasets says otherwise."""


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = _parser().parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 200
    if not chosen.report:
        _fit(chosen, console)
    _report(chosen, console)


def tasks(chosen: argparse.Namespace) -> list[Task]:
    """Every cell that is asked for."""
    seeds = range(chosen.seeds)
    names = chosen.methods or methods.by_default()
    found = []
    if "main" in chosen.studies:
        found += main_grid(chosen.datasets or SETS, chosen.mechanisms, chosen.anchors, seeds, names)
    sets = [name for name in STUDY_SETS if name in (chosen.datasets or SETS)]
    if "rate" in chosen.studies:
        found += rate_study(sets, seeds, names)
    if "learning" in chosen.studies:
        trained = [name for name in (chosen.methods or methods.names()) if name in (*methods.baselines(), "implicit-svi")]
        found += learning_study(sets, seeds, trained)
    return sorted(dict.fromkeys(found), key=lambda task: task.seed)  # stable: within a seed the order of the grids


def _fit(chosen: argparse.Namespace, console: Console) -> None:
    wanted = tasks(chosen)
    left = [task for task in wanted if chosen.redo or not store.done(chosen.out, task, retry=chosen.retry)]
    console.print(f"{len(wanted)} cells, {len(wanted) - len(left)} of them done")
    given = os.environ.get("PROBRM_DATA")
    folder = Path(given) if given else None
    if folder is None and any(task.data != "synthetic" for task in left):
        raise SystemExit("PROBRM_DATA is unset. It names the folder with dialsummeval/, ifllm/ and ukp/; --datasets synthetic needs none.")
    if left:
        work(left, folder, chosen.out, workers=chosen.workers, tell=console.print)


def _report(chosen: argparse.Namespace, console: Console) -> None:
    from benchmarks.implicit import page
    from benchmarks.implicit.tables import View

    view = View(store.read_all(chosen.out))
    found = page.made(view)
    for name, table in found.items():
        console.print(page.terminal(name, table))
    if chosen.page is not None:
        absent = page.renew(chosen.page, found)
        console.print(f"{chosen.page}: tables renewed" + (f"; no marks for {', '.join(absent)}" if absent else ""))
    if chosen.figure is not None:
        from benchmarks.implicit.figure import draw

        draw(view, chosen.figure)
        console.print(f"figure: {chosen.figure}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmarks.implicit")
    parser.add_argument("--out", type=Path, required=True, help="folder for raw results; outside the repository")
    parser.add_argument("--datasets", nargs="+", choices=list(SETS))
    parser.add_argument("--mechanisms", nargs="+", choices=list(MECHANISMS), default=list(GRID))
    parser.add_argument("--anchors", nargs="+", type=int, default=list(ANCHORS), help="numbers of explicit labels")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--methods", nargs="+", choices=methods.names(), help="default: all but implicit-svi")
    parser.add_argument("--studies", nargs="+", choices=["main", "rate", "learning"], default=["main"], help="which grids")
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--redo", action="store_true", help="fit the chosen cells anew")
    parser.add_argument("--retry", action="store_true", help="fit those anew that failed")
    parser.add_argument("--report", action="store_true", help="fit nothing")
    parser.add_argument("--page", type=Path, help="a page whose tables are renewed")
    parser.add_argument("--figure", type=Path, help="a PNG to draw")
    return parser


if __name__ == "__main__":
    main()
