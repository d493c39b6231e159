"""Labels that ``probrm acquire`` chooses against labels of rows drawn at random: how near the fit is to the truth.

    OMP_NUM_THREADS=1 python -m benchmarks.acquire [--seeds 10] [--page benchmarks/results/acquire.md]

Logs are drawn from the implicit model's priors (600 answers shown once, 60 users), and fitted by Laplace without a label; then 10, 20 and 50 rows get theirs,
chosen by that first fit, or at random. *KL*: of the probabilities of 300 new answers from the true ones, nats, mean; *base rate*: its absolute error.
Errors are twice the standard error over the logs.
"""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.coverage.worlds import World, draw_world
from probrm.data import Batch
from probrm.inference import Fitted, Laplace
from probrm.posterior import acquire
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit

ROWS, USERS, LABELS = 600, 60, (10, 20, 50)
RULES = ("chosen", "random")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--page", type=Path, help="a page whose table is renewed")
    chosen = parser.parse_args()
    found = []
    for seed in range(chosen.seeds):
        found.append(curve(seed))
        print(f"log {seed}", flush=True)
    lines = rows_of(np.array(found))
    table = Table(*lines[0])
    for line in lines[1:]:
        table.add_row(*line)
    Console(width=140).print(table)
    if chosen.page:
        text = "\n".join(
            ["| " + " | ".join(lines[0]) + " |", "|---" * len(lines[0]) + "|", *("| " + " | ".join(line) + " |" for line in lines[1:])]
        )
        page = chosen.page.read_text()
        chosen.page.write_text(
            re.sub(r"(<!-- acquire -->\n\n).*?(\n\n<!-- acquire -->)", lambda m: m[1] + text + m[2], page, flags=re.DOTALL)
        )


def rows_of(found: np.ndarray) -> list[list[str]]:
    """The table, from errors ``(seeds, 2 measures, 2 rules, labels)``, with no label first."""
    lines = [["measure", "labels", *(str(n) for n in (0, *LABELS))]]
    for measure, name in enumerate(("KL", "base rate")):
        for rule, called in enumerate(RULES):
            lines.append([name, called, *(_told(found[:, measure, rule, k]) for k in range(found.shape[3]))])
        lines.append([name, "chosen − random", *(_told(found[:, measure, 0, k] - found[:, measure, 1, k]) for k in range(found.shape[3]))])
    return lines


def _told(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {2 * values.std(ddof=1) / len(values) ** 0.5:.4f}"


def curve(seed: int) -> np.ndarray:
    """Errors by measure, rule and number of labels."""
    world = draw_world(seed, rows=ROWS, users=USERS, labels=ROWS)
    first = fitted(world, torch.tensor([], dtype=torch.long), seed)
    with torch.no_grad():
        probability = first.model.reward(first.draws, world.log).sigmoid()
    orders = {
        "chosen": torch.from_numpy(acquire(probability, max(LABELS)).rows),
        "random": torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed)),
    }
    start = errors(first, world)
    return np.array([[start, *(errors(fitted(world, orders[rule][:n], seed), world) for n in LABELS)] for rule in RULES]).transpose(2, 0, 1)


def fitted(world: World, labelled: Tensor, seed: int) -> Fitted:
    """With the labels of these rows."""
    label = torch.full((ROWS,), math.nan)
    label[labelled] = world.log["label"][labelled]
    rows = Batch({**world.log.columns, "label": label}, ROWS)
    return fit_implicit(rows, world.shape, ImplicitConfig(), inference=Laplace(draws=500), starts=2, seed=seed).fitted


@torch.no_grad()
def errors(found: Fitted, world: World) -> tuple[float, float]:
    """Mean KL of new answers' probabilities, and the base rate's absolute error."""
    p = found.model.reward(found.draws, world.new).sigmoid().mean(0).double().clamp(1e-6, 1 - 1e-6)
    q = world.average[ROWS:].double().sigmoid()
    kl = q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()
    return float(kl.mean()), abs(float(found.draws["base_rate"].mean()) - float(world.truth["base_rate"]))


if __name__ == "__main__":
    main()
