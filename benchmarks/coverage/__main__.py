"""Coverage of every interval of the implicit model on logs drawn from its priors.

    OMP_NUM_THREADS=1 python -m benchmarks.coverage --out FOLDER [--worlds 20] [--exposures 1 2 10] [--inference svi laplace nuts] [--control-worlds 6]
        [--page benchmarks/results/coverage.md]

Averaged over worlds drawn from the priors, an interval of the right posterior holds the truth as often as it says, whatever is known of
that truth (Cook, Gelman & Rubin 2006, Journal of Computational and Graphical Statistics 15). Each world is a line of a file in --out and is not fitted again.
The controls are the same fits with the answers' own part left out, with exposures taken for independent rows, and with every draw moved half
way to its mean.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.coverage.worlds import World, draw_world
from probrm.data.batch import TOGETHER, Batch
from probrm.heads.own_part import own_logit
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit

LEVELS = (0.5, 0.9)
CONTROLS = ("", "independent")
"""Of a fit; the first is the fit as it is."""
SITES = ("base_rate", "propensity_intercept", "propensity_effects", "user_activity", "user_activity_scale", "reward_weights_scale")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for raw results; outside the repository")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--exposures", type=int, nargs="+", default=[1, 2, 10], help="how often each answer is shown")
    parser.add_argument("--inference", nargs="+", default=["svi", "laplace"], choices=["svi", "laplace", "nuts"])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument(
        "--control-worlds", type=int, default=6, help="of them, those fitted with exposures taken for independent rows, too"
    )
    parser.add_argument("--report", action="store_true", help="fit nothing")
    parser.add_argument("--page", type=Path, help="a page whose table is renewed")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for inference in chosen.inference:
        for exposures in chosen.exposures:
            for control in CONTROLS if exposures > 1 else CONTROLS[:1]:
                file = chosen.out / f"{inference}-{exposures}-{chosen.rows}{'-' + control if control else ''}.jsonl"
                done = {line["seed"]: line for line in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
                worlds = min(chosen.worlds, chosen.control_worlds) if control else chosen.worlds
                for seed in range(0 if chosen.report else worlds):
                    if seed not in done:
                        done[seed] = measured(draw_world(seed, rows=chosen.rows, exposures=exposures), inference, seed, control)
                        with file.open("a") as lines:
                            lines.write(json.dumps(done[seed]) + "\n")
                if done:
                    found[inference, exposures, control] = list(done.values())
    table = tabled(found)
    shown = Table(*table[0])
    for row in table[1:]:
        shown.add_row(*row)
    Console().print(shown)
    if chosen.page:
        lines = ["| " + " | ".join(row) + " |" for row in table]
        text = "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])
        page, mark = chosen.page.read_text(), "<!-- coverage -->"
        chosen.page.write_text(re.sub(f"{mark}.*?{mark}", lambda _: f"{mark}\n\n{text}\n\n{mark}", page, flags=re.DOTALL))


def measured(world: World, inference: str, seed: int, control: str) -> dict[str, Any]:
    """Where the truth stands among the draws: by quantity a list of shares of draws below it."""
    log, shape = world.log, replace(world.shape, repeated=int(world.log[TOGETHER].max()) + 1)
    if control == "independent":
        log, shape = Batch({name: column for name, column in log.columns.items() if name != TOGETHER}, log.total), world.shape
    began = time.perf_counter()
    fitted = fit_implicit(log, shape, ImplicitConfig(), inference=inference, starts=2, seed=seed).fitted
    seconds = time.perf_counter() - began
    model, draws = fitted.model, fitted.draws
    rows = torch.arange(0, len(log), max(1, len(log) // 300))
    seen, new = model.reward(draws, log.rows(rows)), model.reward(draws, world.new)
    tau = model.own_spread(draws)
    assert tau is not None
    torch.manual_seed(seed)
    own = own_logit(new, tau, torch.randn_like(new))
    truth, n = world.truth, len(log)
    pairs = {"rows": (seen, world.average[rows]), "new rows": (new, world.average[n:])}
    pairs |= {"own probability": (own, torch.logit(world.own[n:])), "own by the average": (new, torch.logit(world.own[n:]))}
    pairs |= {name: (draws[name].flatten(1) if draws[name].dim() > 1 else draws[name][:, None], truth[name].reshape(-1)) for name in SITES}
    if "residual_scale" in draws:
        pairs["residual_scale"] = draws["residual_scale"][:, None], truth["residual_scale"].reshape(-1)
    return {"seed": seed, "seconds": seconds, "places": {name: _place(*pair) for name, pair in pairs.items()}} | {
        "halved": {name: _place(x.mean(0) + 0.5 * (x - x.mean(0)), t) for name, (x, t) in pairs.items()}
    }


def _place(draws: Tensor, truth: Tensor) -> list[float]:
    return [round(x, 4) for x in (draws < truth).float().mean(0).tolist()]


def tabled(found: dict[tuple[str, int, str], list[dict[str, Any]]]) -> list[list[str]]:
    """One row a quantity; of each fit the coverage at both levels, and twice its standard error over worlds at the second."""
    columns: dict[str, dict[str, str]] = {}
    for (inference, exposures, control), worlds in found.items():
        head = f"{inference} ×{exposures}" + (f", {control}" if control else "")
        columns[head] = _covered([world["places"] for world in worlds])
        if not control:
            columns[f"{head}, halved"] = _covered([world["halved"] for world in worlds])
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return [["quantity", *columns], *([name, *(column.get(name, "–") for column in columns.values())] for name in names)]


def _covered(worlds: list[dict[str, list[float]]]) -> dict[str, str]:
    result = {}
    for name in worlds[0]:
        told = []
        for level in LEVELS:
            inside = [np.mean(np.abs(np.asarray(world[name]) - 0.5) < level / 2) for world in worlds]
            told.append(f"{np.mean(inside):.2f}")
        result[name] = f"{' / '.join(told)} ± {2 * np.std(inside) / math.sqrt(len(inside)):.2f}"
    return result


if __name__ == "__main__":
    main()
