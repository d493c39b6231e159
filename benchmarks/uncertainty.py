"""Intervals of Bradley–Terry and of RewardUQ's Bayesian linear head on pairs of other prompts, by RewardUQ's metrics and from joint draws.

    OMP_NUM_THREADS=1 PROBRM_DATA=FOLDER python -m benchmarks.uncertainty --out FOLDER [--sets example pandalm dialsummeval] [--vrm]

The prompts of a set are split, 7 in 10 to be fitted; the example comes with its own test file. Written to --out are the files of both parts and the
runs, so that ``probrm compare`` prints the same numbers, and ``results.json``. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.pairs.data import SETS
from probrm.config import build_config
from probrm.recipes.comparison import compare_runs
from probrm.runs import Run, find_recipe

MODELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bradley-terry": ("bradley-terry", ()),
    "bayesian-linear": ("bayesian-linear", ()),
    "bayesian-linear, β = 0.5": ("bayesian-linear", ("model.beta=0.5",)),
    "bayesian-linear, weighted": ("bayesian-linear", ("model.hessian=weighted",)),
}
VRM = {"vrm": ("vrm", ())}
SHOWN = ("win_rate", "ece_20", "elce", "elce_joint", "confident_true", "confident_false", "confident_true_joint", "confident_false_joint")
EXAMPLES = Path("examples")


def files(name: str, data: Path, out: Path) -> tuple[str, str]:
    """Paths of the pairs to fit and of those to test on."""
    if name == "example":
        return str(EXAMPLES / "pairs.parquet"), str(EXAMPLES / "test_pairs.parquet")
    pairs = SETS[name](data)
    sides = {"prompt": [c.prompt_text for c in pairs.chosen]}
    sides |= {side: [c.response for c in getattr(pairs, side)] for side in ("chosen", "rejected")}
    frame = pd.DataFrame(sides)
    prompts = np.array(sorted(set(frame["prompt"])), dtype=object)
    tested = set(np.random.default_rng(0).permutation(prompts)[: round(0.3 * len(prompts))])
    paths = [out / f"{name}-{part}.parquet" for part in ("fit", "test")]
    inside = frame["prompt"].isin(list(tested))
    for path, part in zip(paths, (frame[~inside], frame[inside]), strict=True):
        part.to_parquet(path)
    return str(paths[0]), str(paths[1])


def fitted(name: str, kind: str, sets: tuple[str, ...], source: str, out: Path) -> Run:
    """A run, kept in ``out``."""
    recipe = find_recipe(kind)
    folder = out / f"{Path(source).stem}-{name.replace(', ', '-').replace(' = ', '')}"
    print(
        "probrm fit", kind, "--data", source, *(f"--set {shlex.quote(one)}" for one in sets), "--out", shlex.quote(str(folder)), flush=True
    )
    run = recipe.fit(source, build_config(recipe, sets=sets))
    run.save(folder, overwrite=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for files, runs and results; outside the repository")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["example", "pandalm", "dialsummeval"])
    parser.add_argument("--vrm", action="store_true", help="the variational reward model, too")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for name in chosen.sets:
        source, test = files(name, Path(os.environ.get("PROBRM_DATA", "")), chosen.out)
        models = MODELS | (VRM if chosen.vrm else {})
        runs = {model: fitted(model, kind, sets, source, chosen.out) for model, (kind, sets) in models.items()}
        specs = {model: find_recipe(run.kind).read_spec(run.config["data"]) for model, run in runs.items()}
        found, _ = compare_runs(runs, test, specs, metrics="uncertainty")
        first = next(iter(found.values()))
        print(f"\n{name}: {first.rows} test pairs\n| model | {' | '.join(SHOWN)} |")
        for model, one in found.items():
            cells = (f"{one.metrics[metric].value:.3f} [{one.metrics[metric].low:.3f}, {one.metrics[metric].high:.3f}]" for metric in SHOWN)
            print(f"| {model} | {' | '.join(cells)} |", flush=True)
        results[name] = {model: one.to_dict() for model, one in found.items()}
        (chosen.out / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
