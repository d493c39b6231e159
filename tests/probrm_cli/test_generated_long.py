"""Thousands of cases that nobody thought of, from a seed: a message, an exit code of those there are, nothing left, no hang."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_generated_cases(simulations: Callable[[int, int], int]) -> None:
    """``PROBRM_GENERATED_SEED``, ``_CASES`` and ``_SECONDS`` change what is run; the report says how to see one case again."""
    wanted = int(os.environ.get("PROBRM_GENERATED_CASES", simulations(5000, 1000)))
    environment = {"PROBRM_GENERATED_SECONDS": "1500", **os.environ, "PROBRM_GENERATED_CASES": str(wanted)}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "tests.probrm_cli.generated"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-3_000:]
    assert int(done.stdout.split(" ", 1)[0]) == wanted, "the seconds were used up before the cases"
