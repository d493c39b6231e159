"""How good each guide's posterior of the implicit model is, and NUTS on the same simulated log.

    python benchmarks/posterior_accuracy.py [--rows 5000]

For each variable: the largest and the mean distance of posterior means in NUTS' standard deviations, and the mean ratio
of standard deviations (1 is right, below 1 is too sure). NUTS' own error with 1,000 draws is about .03 to .05.
"""

from __future__ import annotations

import argparse
import math
import time

import torch

from probrm.data import Batch
from probrm.inference import NUTS, Fitted, fit
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.model import ImplicitModel

DIM, USERS, EFFECTS = 64, 100, (1.0, -0.5, 0.3, 0.0)


def simulate(rows: int, dim: int = DIM, users: int = USERS, seed: int = 0) -> tuple[LogShape, Batch]:
    """A log from the model itself: an embedding, four covariates of the propensity, users."""
    rng = torch.Generator().manual_seed(seed)
    embedding, covariates = torch.randn(rows, dim, generator=rng), torch.randn(rows, len(EFFECTS), generator=rng)
    user = torch.randint(0, users, (rows,), generator=rng)
    weights, activity = 1.5 * torch.randn(dim, generator=rng), 0.8 * torch.randn(users, generator=rng)
    reward = 0.3 + embedding @ weights / math.sqrt(dim)
    propensity = -0.5 + covariates @ torch.tensor(EFFECTS) + activity[user]
    action = torch.bernoulli(reward.sigmoid(), generator=rng) * torch.bernoulli(propensity.sigmoid(), generator=rng)
    columns = {
        "embedding": embedding,
        "reward_covariates": torch.zeros(rows, 0),
        "propensity_covariates": covariates,
        "user": user,
        "action": action,
        "label": torch.full((rows,), math.nan),
        "weight": torch.ones(rows),
    }
    return LogShape(dim, (), ("a", "b", "c", "d"), tuple(str(u) for u in range(users))), Batch(columns, rows)


def report(name: str, found: Fitted, reference: Fitted, seconds: float) -> None:
    """One line a variable."""
    print(f"\n{name}: {seconds:.0f} s")
    for site, value in found.draws.items():
        ours, theirs = value.reshape(len(value), -1), reference.draws[site].reshape(len(reference.draws[site]), -1)
        distance = (ours.mean(0) - theirs.mean(0)).abs() / theirs.std(0)
        ratio = ours.std(0) / theirs.std(0)
        print(f"  {site:<24} distance {distance.mean():.2f} (largest {distance.max():.2f})   sd ratio {ratio.mean():.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5000)
    rows = parser.parse_args().rows
    shape, batch = simulate(rows)
    cut = rows * 9 // 10
    train, held_out = batch.subset(torch.arange(cut)), batch.subset(torch.arange(cut, rows))

    def run(**choice: object) -> tuple[Fitted, float]:
        start = time.perf_counter()
        found = fit(ImplicitModel(shape), train, held_out=held_out, starts=1, device="cpu", **choice)  # type: ignore[arg-type]
        return found, time.perf_counter() - start

    reference, seconds = run(inference=NUTS())
    print(f"NUTS: {seconds:.0f} s, {dict(reference.statistics)}")
    report("laplace", *_pair(run(inference="laplace"), reference))
    for guide in ("auto-normal", "low-rank", "full-rank", "amortised"):
        report(guide, *_pair(run(guide=guide), reference))


def _pair(found: tuple[Fitted, float], reference: Fitted) -> tuple[Fitted, Fitted, float]:
    return found[0], reference, found[1]


if __name__ == "__main__":
    main()
