"""A policy optimised against the mean reward, and against its lower bound: the true reward on the way.

    OMP_NUM_THREADS=1 python -m benchmarks.overoptimisation [--figure docs/figures/overoptimisation.svg]

A Bradley–Terry reward is fitted to 150 comparisons of logged answers, vectors of twelve numbers; answers of the log hardly differ in the last six. The
policy is a distribution over 4,000 answers that differ in all twelve, and it is optimised exactly: after step t it is in proportion to exp(t · reward). Two
worlds: in the first the true reward is linear, as the model says; in the second, too, but answers are the worse the less they are like those of the
log. Printed: the mean true reward of the policy's answers, where it is that far from where it began (nats of KL), over seeds, with twice its standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import xlogy

import probrm
from probrm.data import Conversation
from probrm.progress import Progress, silent
from probrm.runs import Run, find_recipe

D, KNOWN, SPREAD, PAIRS, POOL = 12, 6, 0.15, 150, 4000
KL = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
WORLDS = {"linear": 0.0, "worse off the log": 0.35}
RULES = ("mean", "lower")


class Vectors:
    """Responses are numbers of rows."""

    dim, key = D, "vectors of the toy"

    def __init__(self, rows: torch.Tensor) -> None:
        self.rows = rows

    def encode(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> torch.Tensor:
        """One row each."""
        return torch.stack([self.rows[int(one.response)] for one in conversations])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    found = {world: np.array([path(seed, fall) for seed in range(arguments.seeds)]) for world, fall in WORLDS.items()}
    table = Table("world", "policy against", *(f"{kl:g}" for kl in KL))
    for world, rewards in found.items():
        for i, rule in enumerate(RULES):
            error = 2 * rewards[:, i].std(0, ddof=1) / arguments.seeds**0.5
            table.add_row(world, rule, *(f"{m:.2f} ± {e:.2f}" for m, e in zip(rewards[:, i].mean(0), error, strict=True)))
        more = rewards[:, 1] - rewards[:, 0]
        error = 2 * more.std(0, ddof=1) / arguments.seeds**0.5
        table.add_row("", "lower − mean", *(f"{m:+.2f} ± {e:.2f}" for m, e in zip(more.mean(0), error, strict=True)))
    Console(width=160).print(table)
    if arguments.figure:
        draw(found, arguments.figure)


def path(seed: int, fall: float) -> np.ndarray:
    """True rewards by rule and KL, ``(2, k)``."""
    draw = np.random.default_rng(seed)
    weights = draw.normal(0, 1, D)
    spread = np.where(np.arange(D) < KNOWN, 1.0, SPREAD)
    logged, pool = draw.normal(0, spread, (2 * PAIRS, D)), draw.normal(0, 1, (POOL, D))

    def truth(x: np.ndarray) -> np.ndarray:
        return x @ weights - fall * np.square(x[:, KNOWN:]).sum(1)

    run = fitted(logged, draw.random(PAIRS) < 1 / (1 + np.exp(truth(logged[PAIRS:]) - truth(logged[:PAIRS]))), seed)
    batch = find_recipe(run.kind).vector_batch(run, torch.from_numpy(pool).float())
    rewards = run.model.reward(run.draws, batch)
    differences = rewards - rewards.mean(-1, keepdim=True)
    values = {"mean": differences.mean(0).numpy(), "lower": torch.quantile(differences, 0.05, dim=0).numpy()}
    true = truth(pool)
    return np.array([[policy(values[rule].astype(float), kl) @ true for kl in KL] for rule in RULES])


def fitted(rows: np.ndarray, first_is_better: np.ndarray, seed: int) -> Run:
    """Bradley–Terry on the comparisons of row i with row PAIRS + i."""
    first, second = np.arange(PAIRS), np.arange(PAIRS, 2 * PAIRS)
    table = pd.DataFrame(
        {
            "prompt": [f"prompt {i}" for i in first],
            "chosen": np.where(first_is_better, first, second).astype(str),
            "rejected": np.where(first_is_better, second, first).astype(str),
        }
    )
    settings = {"inference": {"name": "laplace", "draws": 1000}, "held_out": 0.0, "device": "cpu"}
    return probrm.fit(table, model="bradley-terry", encoder=Vectors(torch.from_numpy(rows).float()), settings=settings, seed=seed)


def policy(values: np.ndarray, kl: float) -> np.ndarray:
    """In proportion to ``exp(t · values)``, that far from the uniform one."""

    def weights(t: float) -> np.ndarray:
        found = np.exp(t * (values - values.max()))
        return found / found.sum()

    def distance(t: float) -> float:
        p = weights(t)
        return float(xlogy(p, p * len(p)).sum())

    found: Any = brentq(lambda t: distance(t) - kl, 0.0, 1e3)
    return weights(found)


def draw(found: dict[str, np.ndarray], target: Path) -> None:
    """The paths of all seeds, and their means."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(8, 3), sharey=True, layout="constrained")
    for axis, (world, rewards) in zip(axes, found.items(), strict=True):
        for i, (rule, colour) in enumerate(zip(RULES, ("#b5442e", "#2b6a99"), strict=True)):
            axis.plot(KL, rewards[:, i].T, color=colour, alpha=0.25, linewidth=1)
            axis.plot(KL, rewards[:, i].mean(0), color=colour, label=f"against the {rule}" + (" bound" if rule == "lower" else ""))
        axis.set(title=world, xlabel="KL from the first policy, nats")
    axes[0].set_ylabel("true reward, logits")
    axes[0].legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
