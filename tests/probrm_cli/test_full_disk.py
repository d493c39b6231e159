"""A disk without room, while a run, figures, draws or scores are written: a message, and what was there stays."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import probrm
from probrm_models.implicit.recipe import ImplicitRecipe
from tests import support
from tests.support import call, naive_fit, quick_fit, refused

resource = pytest.importorskip("resource", reason="needs a POSIX system")


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: the one limit on writing that needs no rights and no other process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [64, 2_000, 20_000])
def test_a_run(size: int, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The limits stop it at the first file, at the draws, and at the tensors, in any folder. What is saved was fitted before."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    shutil.copytree(support.short_run_path(), "r")
    assert max(path.stat().st_size for path in Path("r").iterdir()) > 20_000
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    monkeypatch.setattr(ImplicitRecipe, "fit", lambda *_, **__: probrm.load(support.short_run_path()))
    with at_most(size):
        outcome = call(*quick_fit(Path("r"), "--seed", "2", "--overwrite"))
    refused(outcome, "r: the run could not be saved: the file is larger than allowed here", "raise the limit")
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before
    assert [path.name for path in Path().iterdir()] == ["r"]
    assert not list(temporary.glob("probrm-*"))
    assert call(*quick_fit(Path("r"), "--seed", "2", "--overwrite")).code == 0


def test_a_training_state() -> None:
    arguments = quick_fit(Path("r"), "--inference", "svi", "--set", "inference.max_steps=10", "--resume")
    with at_most(4_000):
        outcome = call(*arguments)
    refused(outcome, "--resume", ".r.checkpoint", "larger than allowed", "nothing is left there", "raise the limit")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "named"),
    [(["posterior", "--netcdf", "draws.nc", "-q"], "draws.nc"), (["posterior", "--plots", "figures", "-q"], "figures/")],
)
def test_draws_and_figures(flags: list[str], named: str) -> None:
    verb, *rest = flags
    run = support.short_run_path()
    with at_most(4_000):
        outcome = call(verb, run, *rest)
    refused(outcome, named, "the file is larger than allowed here")
    assert not [path for path in Path().rglob("*") if path.is_file()]


def test_scores() -> None:
    arguments = ("score", support.short_run_path(), "--data", support.truth_path(), "--embeddings", support.store_path())
    assert call(*arguments, "--out", "fits.csv", "-q").code == 0
    Path("fits.csv").unlink()
    with at_most(2_000):
        outcome = call(*arguments, "--out", "s.csv")
    refused(outcome, "s.csv", "cannot be written")
    assert list(Path().iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed script where ``disk`` is a file system of a given size, alone in a name space of its own."""
    unshare = [shutil.which("unshare") or "unshare", "-rm"]
    (tmp_path / "disk").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))

    def run(size: str, *args: str) -> subprocess.CompletedProcess[str]:
        mount = f"mount -t tmpfs -o size={size} tmpfs disk"
        if subprocess.run([*unshare, "sh", "-c", mount], capture_output=True, check=False).returncode:
            pytest.skip("no small disk can be mounted here (unshare -rm)")
        script = f'{mount} && {{ "$@"; echo "exit $?"; ls -A disk; }}'
        return subprocess.run(
            [*unshare, "sh", "-c", script, "sh", str(support.script()), *args], capture_output=True, text=True, check=True
        )

    return run


def test_a_fit_that_finds_the_disk_full_is_kept_elsewhere(
    small_disk: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = small_disk("32k", *naive_fit(Path("disk/r"), "--quiet"))
    assert done.stdout == "exit 2\n"
    assert "disk/r: the run could not be saved: the disk is full; it is kept in " in done.stderr
    assert "Traceback" not in done.stderr
    (kept,) = (tmp_path / "temporary").glob("probrm-*/r")
    assert f"mv {kept} disk/r" in done.stderr
    assert probrm.load(kept).kind == "naive"
    shutil.move(kept, "r")
    assert call("evaluate", "r", "--data", support.truth_path(), "--embeddings", support.store_path(), "-q").code == 0


def test_a_cache_without_room_costs_the_cache_and_not_the_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    support.unlabelled(60).to_parquet("log.parquet")
    assert call("fit", "naive", "--data", "log.parquet", "--out", "r", *support.QUICK).code == 0
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path / "cache"))
    support.log_frame(60)[["prompt", "response"]].to_csv("texts.csv", index=False)
    with at_most(30_000):  # the scores have room, the vectors have not
        done = call("score", "r", "--data", "texts.csv", "--out", "s.csv")
    assert done.code == 0, done.err
    assert "note: embeddings were not cached" in done.err
    assert probrm.data.read_table("s.csv").num_rows == 60
