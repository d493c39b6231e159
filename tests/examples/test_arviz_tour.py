"""The tour of a run's file with ArviZ alone, as a user runs it: on the installed ArviZ, and on ArviZ 1 where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from probrm.posterior import netcdf_bytes
from probrm.runs import find_recipe, load
from tests import support
from tests.support import call

TOUR = Path(__file__).parents[2] / "examples" / "arviz_tour.py"


def exported(path: str, file: Path) -> Path:
    """A run with all groups, as ``probrm posterior --netcdf`` writes it."""
    run = load(path)
    file.write_bytes(netcdf_bytes(run.groups(find_recipe(run.kind).fitted_rows(run))))
    return file


@pytest.mark.parametrize("which", ["installed", "arviz 1"])
def test_the_tour(which: str, tmp_path: Path) -> None:
    python = sys.executable if which == "installed" else os.environ.get("PROBRM_ARVIZ1_PYTHON")
    if not python:
        pytest.skip("PROBRM_ARVIZ1_PYTHON names no Python (3.12 or later) that has ArviZ 1, h5netcdf, h5py and matplotlib")
    assert call(*support.naive_fit(tmp_path / "plain")).code == 0
    files = [exported(support.short_run_path(), tmp_path / "full.nc"), exported(str(tmp_path / "plain"), tmp_path / "plain.nc")]
    # ArviZ's word on a row that leave-one-out cannot judge belongs to the tour; whatever else it warns of does not.
    command = [
        python,
        "-W",
        "error",
        "-W",
        "ignore:Estimated shape parameter",
        str(TOUR),
        *map(str, files),
        "--out",
        str(tmp_path / "figures"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for text in ("a model called implicit", "propensity_effects[surface[web]]", "user_activity[u3]", "base_rate", "k-hat", "full", "plain"):
        assert text in done.stdout
    assert done.stdout.count("elpd") >= 2
    for name in ("forest", "predictive", "compare"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5000
