"""How often five folds over the prompts choose rightly between one objective and several, on simulated pairs with known objectives.

    OMP_NUM_THREADS=1 python -m benchmarks.selection [--seeds 20] [--columns 32]

Three pairs a prompt. Prompts, and differences of responses, are normal with columns of falling variance, as vectors of an encoder are. Objectives carry
what the true gate predicts better than the best single reward, nats a pair; ``weak`` and ``strong`` differ in how far the objectives are apart.
"""

from __future__ import annotations

import argparse
import time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from probrm_models.vrm.networks import contrast_basis
from probrm_models.vrm.selection import Selection, select
from probrm_models.vrm.warm_start.gate import Gate, GateRows, ridge

PAIRS = 3
NEW = 4_000
STRENGTHS = {"weak": 1.0, "strong": 2.5}


def simulate(prompts: int, objectives: int, apart: float, columns: int, seed: int) -> tuple[GateRows, Tensor, float]:
    """Pairs, their prompts, and what objectives carry on 4,000 new pairs: against Bradley–Terry fitted to these."""
    draw = torch.Generator().manual_seed(seed)
    n, spread = PAIRS * prompts + NEW, (1.0 / torch.arange(1, columns + 1)) ** 0.25
    spread = spread / spread.square().mean().sqrt()
    prompt = torch.cat([torch.arange(prompts).repeat(PAIRS), prompts + torch.arange(NEW)])
    x = (torch.randn(prompts + NEW, columns, generator=draw) * spread / columns**0.5)[prompt]
    x = torch.nn.functional.pad(x, (0, 1), value=1.0)
    difference = (torch.randn(n, columns, generator=draw) - torch.randn(n, columns, generator=draw)) * spread / columns**0.5
    rotation = contrast_basis(max(objectives, 2))
    k = rotation.shape[1]
    contrasts = apart * torch.randn(k, columns, generator=draw)
    gate = Gate(torch.randn(columns, generator=draw), contrasts, 1.5 * torch.randn(k, columns + 1, generator=draw), rotation)
    if objectives == 1:
        gate = Gate(gate.shared, torch.zeros_like(contrasts), gate.weight, rotation)
    logit = gate.logits(GateRows(difference, x, torch.zeros(n), torch.ones(n)))
    outcome = (torch.rand(n, generator=draw) < logit.sigmoid()).float()
    rows = GateRows(difference, x, outcome, torch.ones(n))
    fitted = torch.arange(n) < PAIRS * prompts
    seen, new = rows.take(fitted), rows.take(~fitted)
    best = ridge(new, 1.0)  # the single reward that fits the new pairs themselves: no fit does better
    carried = float((new.loss(new.difference @ best) - new.loss(logit[~fitted])).mean())
    return seen, prompt[fitted], carried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--prompts", type=int, nargs="+", default=[50, 200, 1000, 3000])
    chosen = parser.parse_args()
    console, begun = Console(), time.perf_counter()
    table = Table(
        "objectives", "apart", "prompts", "they carry, nats", "several chosen", "mean z", title="five folds, three standard errors"
    )
    for objectives, strengths in ((1, ["none"]), *((k, list(STRENGTHS)) for k in (2, 3, 4))):
        for strength in strengths:
            for prompts in chosen.prompts:
                found: list[tuple[Selection, float]] = []
                for seed in range(chosen.seeds):
                    rows, prompt, carried = simulate(prompts, objectives, STRENGTHS.get(strength, 0.0), chosen.columns, seed)
                    found.append((select(rows, prompt, [2, 4]), carried))
                several = sum(selection.objectives > 1 for selection, _ in found)
                z = sum(selection.z or 0.0 for selection, _ in found) / len(found)
                gain = sum(carried for _, carried in found) / len(found)
                row = [objectives, strength, prompts, f"{gain:.3f}", f"{several} of {len(found)}", f"{z:.1f}"]
                table.add_row(*map(str, row))
                console.print(*row)
    console.print(table)
    console.print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
