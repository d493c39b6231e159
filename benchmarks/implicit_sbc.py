"""Simulation-based calibration of the implicit model: globals and rewards of single rows, for each way of inference.

    python -m benchmarks.implicit_sbc [--laplace 200] [--svi 40] [--nuts 20] [--nuts-wide 100] [--workers 2] [--out DIR] [--figure docs/figures/implicit_sbc.png]

Worlds have 150 rows and two weights; those of ``nuts-wide`` have 2,000 rows and 64 weights.

Truth and log come from the model itself: globals from the priors, then verdicts on a third of the rows, then the actions given the
verdicts. Ranks of the truth among posterior draws are then uniform if the posterior is right (Talts et al. 2018, arXiv
1804.06788). The log-likelihood of the actions is ranked too: it depends on the data, so a posterior that has learnt nothing
is seen (Modrák et al. 2023, arXiv 2211.02383). Ranks are kept in DIR, one file a way of inference; what is there is not computed again.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pyro import poutine
from torch import Tensor

from probrm.data import Batch
from probrm.diagnostics import Ranks, rank
from probrm.inference import NUTS, SVI, InferenceConfig, Laplace, fit
from probrm.inference.device import own_random_stream
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.identifiability.base_rate_profile import level_coordinates
from probrm_models.implicit.model import ImplicitModel


@dataclass(frozen=True)
class Size:
    """How large a world is.

    Attributes:
        rows: of the log.
        dim: of the embedding: as many reward weights.
        verdicts: rows with an explicit label.
        users: whose rows these are, in turn.
    """

    rows: int
    dim: int
    verdicts: int
    users: int = 10

    @property
    def shape(self) -> LogShape:
        """What a log of this size looks like to a model."""
        return LogShape(self.dim, (), ("a", "b"), tuple(f"u{i}" for i in range(self.users)))


VERDICTS = 50
SMALL, WIDE = Size(150, 2, VERDICTS), Size(2000, 64, 667)
SIZES = {"nuts-wide": WIDE}
"""The small one otherwise."""
MOST = 99
"""Draws that a truth is ranked among."""
THIN = {"nuts": 3, "nuts-wide": 3}
"""Every so many draws of a chain count."""
INFERENCES: dict[str, InferenceConfig] = {
    "laplace": Laplace(draws=MOST),
    "svi": SVI(draws=MOST),
    "nuts": NUTS(warmup=150, draws=THIN["nuts"] * MOST),
    "nuts-wide": NUTS(warmup=150, draws=THIN["nuts-wide"] * MOST),
}
COUNTS = {"laplace": 200, "svi": 40, "nuts": 20, "nuts-wide": 0}
"""Simulations."""
Draws = Mapping[str, Tensor]
MAPS = {"rate": (torch.logit, torch.sigmoid), "scale": (torch.log, torch.exp)}
"""Of a site, by the end of its name, to all real numbers and back."""
Distortion = Callable[[Draws], Draws]
"""What a biased posterior does to the draws of a right one: the negative control."""


@dataclass(frozen=True)
class World:
    """One draw of everything.

    Attributes:
        truth: the global latents, ``(1, *shape)`` by site.
        log: what a fit sees.
        looked_at: three rows whose rewards are ranked: one with a verdict, one without, one that is not in the log.
        size: how large it is.
    """

    truth: Draws
    log: Batch
    looked_at: Batch
    size: Size = SMALL

    def model(self) -> ImplicitModel:
        """The process, its base rate the mean over the log."""
        return ImplicitModel(self.size.shape, reference=self.log)


def draw_world(seed: int, size: Size = SMALL) -> World:
    """Covariates are standard normal; everything else is drawn by the model's own ``forward``."""
    with own_random_stream(seed):
        rows = _covariates(size, size.rows)
        asked = torch.arange(size.rows) < size.verdicts
        # A placeholder says which rows have a verdict; the first pass draws it, the second the actions given it.
        log = _with(rows, label=torch.where(asked, 0.0, math.nan))
        drawn = _run(size, log, {})
        truth = {name: value for name, value in drawn.items() if name not in ("label", "action")}
        log = _with(log, label=torch.where(asked, drawn["label"], math.nan))
        log = _with(log, action=_run(size, log, truth)["action"])
        new = _covariates(size, 1)
    looked_at = {name: torch.cat([log[name][[0, -1]], new[name]]) for name in log.columns}
    return World({name: value[None] for name, value in truth.items()}, log, Batch(looked_at, 3), size)


def _run(size: Size, log: Batch, values: Draws) -> dict[str, Tensor]:
    """All random sites of one pass through the model; those in ``values`` are as given, and nothing is observed."""
    process = poutine.condition(poutine.uncondition(ImplicitModel(size.shape, reference=log)), data=dict(values))
    nodes: Any = poutine.trace(process).get_trace(log).nodes
    return {n: v["value"] for n, v in nodes.items() if v["type"] == "sample" and isinstance(v["value"], Tensor) and n != "rows"}


def _covariates(size: Size, n: int) -> Batch:
    columns = {
        "embedding": torch.randn(n, size.dim),
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": torch.randn(n, len(size.shape.propensity_effects)),
        "user": torch.arange(n) % size.users,
        "action": torch.zeros(n),
        "label": torch.full((n,), math.nan),
        "weight": torch.ones(n),
    }
    return Batch(columns, n)


def _with(batch: Batch, **columns: Tensor) -> Batch:
    return Batch(dict(batch.columns) | columns, batch.total)


@torch.no_grad()
def quantities(model: ImplicitModel, values: Draws, world: World) -> dict[str, np.ndarray]:
    """What is ranked, ``(s,)`` by name: the first entry of each site (entries are exchangeable), three rewards, the likelihood."""
    found = {name: value.reshape(len(value), -1)[:, 0] for name, value in values.items()}
    rewards = model.reward(values, world.looked_at)
    found |= {f"reward_{name}": rewards[:, i] for i, name in enumerate(("judged", "unjudged", "new"))}
    found["log_likelihood"] = model.log_likelihood(values, world.log).sum(-1)
    return {name: value.numpy() for name, value in found.items()}


def widened(draws: Draws, factor: float = 1.0, shift: float = 0.0) -> Draws:
    """Draws ``factor`` times as far from their mean, which is moved by ``shift`` standard deviations; rates as logits, scales as logarithms."""
    found = {}
    for name, value in draws.items():
        there, back = MAPS.get(name.rpartition("_")[2], (torch.clone, torch.clone))
        z = there(value)
        found[name] = back(z.mean(0) + shift * z.std(0) + factor * (z - z.mean(0)))
    return found


DISTORTIONS: dict[str, Distortion] = {"as it is": widened, "halved": partial(widened, factor=0.5), "shifted": partial(widened, shift=0.7)}
"""A posterior as the fit gave it, and two biased ones."""
WIDE_DISTORTIONS = DISTORTIONS | {"narrowed": partial(widened, factor=0.8)}
"""With many weights a fifth less width must be seen too: the likelihood of all of them together tells."""


def distortions(inference: str) -> dict[str, Distortion]:
    """What is done to the draws of a way of inference."""
    return WIDE_DISTORTIONS if inference in SIZES else DISTORTIONS


def simulation(inference: str, seed: int) -> dict[str, dict[str, int]]:
    """Ranks of one world's truth in its posterior, and in the biased ones, by quantity."""
    world = draw_world(seed, SIZES.get(inference, SMALL))
    # Coordinates along the base rate, as every fit of a log has them; its evidence stays as it is: the truth is drawn from the model.
    refine = partial(level_coordinates, flatten=False)
    fitted = fit(world.model(), world.log, inference=INFERENCES[inference], starts=1, refine=refine, seed=seed, device="cpu")
    model = world.model()
    truth, thin = quantities(model, world.truth, world), THIN.get(inference, 1)
    found: dict[str, dict[str, int]] = {}
    for label, distort in distortions(inference).items():
        draws = quantities(model, distort(fitted.draws), world)
        found[label] = {name: int(rank(value[0], draws[name][: thin * MOST], thin)) for name, value in truth.items()}
    return found


def gather(simulations: Sequence[Mapping[str, Mapping[str, int]]], label: str = "as it is") -> Ranks:
    """Ranks over simulations."""
    return Ranks(MOST, {name: np.array([one[label][name] for one in simulations]) for name in simulations[0][label]})


def run(inference: str, seeds: range, kept: Path, workers: int = 1) -> list[dict[str, dict[str, int]]]:
    """One simulation a seed; each is a line of the file ``kept``, so that an interrupted run goes on where it was."""
    done = {line["seed"]: line["ranks"] for line in map(json.loads, kept.read_text().splitlines())} if kept.exists() else {}
    missing = [seed for seed in seeds if seed not in done]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool, kept.open("a") as file:
        for seed, found in zip(missing, pool.map(partial(simulation, inference), missing), strict=True):
            done[seed] = found
            file.write(json.dumps({"seed": seed, "ranks": found}) + "\n")
            file.flush()
    return [done[seed] for seed in seeds]


def report(title: str, found: Ranks) -> None:
    """One line a quantity."""
    print(f"\n{title}: {len(next(iter(found.values.values())))} simulations, p of all together {found.p():.2g}")
    for name, one in found.uniformity().items():
        # 90 of the 100 places that a rank can take.
        inside = np.mean((found.values[name] >= 5) & (found.values[name] < 95))
        print(f"  {name:<24} chi2 {one.chi2:.2g}  ecdf {one.ecdf:.2g}  truth inside the central 90 %: {inside:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for inference, count in COUNTS.items():
        parser.add_argument(f"--{inference}", type=int, default=count, help=f"simulations; 0 leaves it out, default {count}")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/implicit_sbc"))
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/implicit_sbc.png"))
    chosen = parser.parse_args()
    rows: dict[str, Ranks] = {}
    for inference in COUNTS:
        count = getattr(chosen, inference.replace("-", "_"))
        if not count:
            continue
        found = run(inference, range(count), chosen.out / f"{inference}.jsonl", chosen.workers)
        rows[inference] = gather(found)
        for label in distortions(inference):
            report(f"{inference}, {label}", gather(found, label))
        rows["control: halved"] = gather(found, "halved")  # of the last one, which is the most exact
    from probrm.diagnostics.sbc_figure import sbc_figure  # matplotlib, after the workers

    control = rows.pop("control: halved")
    chosen.figure.parent.mkdir(parents=True, exist_ok=True)
    sbc_figure(rows | {f"{list(rows)[-1]}, sd halved": control}).savefig(chosen.figure, dpi=130)


if __name__ == "__main__":
    main()
