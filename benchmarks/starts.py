"""What more starts cost: the whole fit of the implicit model from eight places beside that from one.

    python benchmarks/starts.py [--rows 3000] [--dim 64] [--users 100] [--starts 8] [--repeats 3] [--inference svi]

Both are timed in one process and one thread, in turn, after a short fit that warms it up; the ratio of the medians is printed, beside
those of each turn.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from benchmarks.posterior_accuracy import simulate
from probrm.data import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit


def seconds(shape: LogShape, batch: Batch, starts: int, inference: str) -> float:
    """CPU seconds of one whole fit, verdict included; a tenth of the rows is held out. Others' work on the machine does not count."""
    held_out = torch.arange(0, len(batch), 10).numpy()
    begin = time.process_time()
    fit_implicit(batch, shape, ImplicitConfig(), held_out=held_out, inference=inference, starts=starts)
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("--rows", 3000), ("--dim", 64), ("--users", 100), ("--starts", 8), ("--repeats", 3)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--inference", default="svi", choices=("svi", "laplace"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    seconds(*simulate(300, 4, 10), starts=2, inference="laplace")
    shape, batch = simulate(given.rows, given.dim, given.users)
    one, several = [], []
    for turn in range(1, given.repeats + 1):
        one.append(seconds(shape, batch, 1, given.inference))
        several.append(seconds(shape, batch, given.starts, given.inference))
        print(
            f"turn {turn}: 1 start {one[-1]:.1f} s, {given.starts} starts {several[-1]:.1f} s of CPU, ratio {several[-1] / one[-1]:.2f}",
            flush=True,
        )
    print(f"ratio of medians: {statistics.median(several) / statistics.median(one):.2f}")


if __name__ == "__main__":
    main()
