"""A run's files with bytes changed at random and hashes that fit: ``python -m tests.probrm.runs.mutations HOW_MANY SEED`` in an empty folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

import probrm
from probrm.errors import RunError
from tests.probrm.runs.untrusted import SAVED, copy, sign

FILES = ("posterior.nc", "posterior.nc", "posterior.nc", "tensors.safetensors", "run.json", "metrics.json", "history.json", "split.json")


def mutated(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 2, 8, 64])):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.randrange(len(changed))] if draw.random() < 0.1 else changed)


def opened(run: Path) -> int:
    """0: it opened, 1: a traceback, 2: a message; below zero: a signal, of the clock or of a crash."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(20)
    code = 1
    try:
        probrm.load(run)
        code = 0
    except RunError:
        code = 2
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def main(count: int, seed: int) -> None:
    probrm.load(SAVED)  # so that no child imports anything
    draw, seen = random.Random(seed), Counter[int]()
    for _ in range(count):
        run = copy(Path("run"))
        name = draw.choice(FILES)
        (run / name).write_bytes(mutated((run / name).read_bytes(), draw))
        if name != "run.json":
            sign(run)
        seen[opened(run)] += 1
        shutil.rmtree(run)
    print(json.dumps({str(code): number for code, number in seen.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
