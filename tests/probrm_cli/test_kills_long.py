"""``kill -9`` at random moments of every command that writes, and fits that end together: nothing finished is lost, nothing is half there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import probrm
from tests import support
from tests.support import QUICK

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]


def test_sixty_kills(simulations: Callable[[int, int], int]) -> None:
    """The moments are uniform over the last six tenths of each command, as long as the machine takes for it undisturbed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    count = simulations(60, 10)
    done = subprocess.run(
        [sys.executable, "-m", "tests.probrm_cli.kills", str(count)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert len(rows) == count
    for row in rows:
        assert row["code"] in (0, -signal.SIGKILL), row
        assert row["at once"] is not None or row["before"] is None, row
        assert row["after"] == row["at once"], row
        assert row["code"] != 0 or row["after"] is not None, row
        assert set(row["hidden"]) <= {".q.checkpoint"}, row
        if "resumed" in row:
            assert row["resumed"] == 0, row
            assert row["then"] is not None, row
            assert not row["checkpoint"], row
    assert sum(row["code"] != 0 for row in rows) >= count / 2


def started(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([str(support.script()), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_fits_that_end_together(simulations: Callable[[int, int], int]) -> None:
    """Three real fits into one name and one cache, several times: one has the name; each other says where its run is kept."""
    for i in range(simulations(20, 1)):
        common = ["--data", support.log_path(), "--embeddings", support.store_path(), *QUICK, "--out", f"r{i}", "-q"]
        running = [started("fit", "implicit", *common, "--seed", str(seed)) for seed in range(3)]
        told = [(*process.communicate(), process.returncode) for process in running]
        codes = sorted(code for _, _, code in told)
        assert codes == [0, 2, 2], told
        kept = [path for path in Path().glob(f"r{i}*") if path.is_dir()]
        assert all("Traceback" not in err and (code == 0 or "kept in" in err) for _, err, code in told), told
        assert len(kept) == 3
        assert {probrm.load(path).config["seed"] for path in kept} == {0, 1, 2}


SAVE = """
import sys, time
from pathlib import Path
import probrm
from probrm.runs import RunTakenError
run = probrm.load(sys.argv[1])
run.config["seed"] = int(sys.argv[2])
for i in range(20):
    Path(f"ready-{i}-{sys.argv[2]}").touch()
    while len(list(Path().glob(f"ready-{i}-*"))) < 3:
        time.sleep(0.001)
    try:
        run.save(f"r{i}", keep=True)
        print(f"r{i}")
    except RunTakenError as error:
        print(error.kept)
"""


def test_twenty_times_three_runs_saved_at_once() -> None:
    """Whole runs, by ``Run.save``: as many are there as were told to be."""
    saved = Path(__file__).parents[1] / "saved_runs" / "implicit"
    running = [
        subprocess.Popen([sys.executable, "-c", SAVE, str(saved), str(seed)], stdout=subprocess.PIPE, text=True) for seed in range(3)
    ]
    told = [process.communicate()[0].split() for process in running]
    assert all(process.returncode == 0 for process in running)
    for i in range(20):
        places = {told[seed][i]: seed for seed in range(3)}
        assert f"r{i}" in places
        assert len(places) == 3
        for place, seed in places.items():
            assert probrm.load(place).config["seed"] == seed
            assert np.isfinite(probrm.load(place).draws["base_rate"].numpy()).all()
        assert len(list(Path().glob(f"r{i}"))) + len(list(Path().glob(f"r{i}-*"))) == len(places)
