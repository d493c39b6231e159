from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import probrm
from probrm.errors import DataError
from probrm.recipes.provenance import fitted_source, fitted_store
from probrm.runs.places import resolved, stored
from tests.support import call

SAVED = Path(__file__).parents[2] / "saved_runs"


def record(source: str | None, store: str | None = None, feedback: str | None = None) -> dict:
    return {"record": {"data": {"source": source}, "encoder": {"embeddings": store}}, "config": {"data": {"feedback": feedback}}}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/data/logs/log.parquet", "$RUN/../../data/logs/log.parquet"),
        ("/data/a/run/log.parquet", "$RUN/../../data/a/run/log.parquet"),
        ("/runs/r/log.parquet", "$RUN/log.parquet"),
        ("/data/logs/*.parquet", "$RUN/../../data/logs/*.parquet"),
        ("owner/name", "owner/name"),
        ("owner/name:train", "owner/name:train"),
        ("s3://bucket/log.parquet", "s3://bucket/log.parquet"),
        ("logs/log.parquet", "logs/log.parquet"),
        (None, None),
    ],
)
def test_no_absolute_path_is_stored_and_each_comes_back(path: str | None, kept: str | None) -> None:
    main, run = record(path, path, path), Path("/runs/r")
    assert stored(main, run) == record(kept, kept, kept)
    assert resolved(stored(main, run), run) == main == record(path, path, path)


def test_a_run_of_before_keeps_its_paths() -> None:
    assert resolved(record("/data/log.parquet"), Path("/runs/r")) == record("/data/log.parquet")


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on a log and a store in another folder, which it was told by absolute paths."""
    (tmp_path / "secret-data").mkdir()
    for name in ("log.parquet", "store.safetensors"):
        shutil.copy(SAVED / name, tmp_path / "secret-data" / name)
    monkeypatch.chdir(tmp_path)
    data, store = (str(tmp_path / "secret-data" / name) for name in ("log.parquet", "store.safetensors"))
    done = call("fit", "ips", "--data", data, "--embeddings", store, "--out", "runs/r")
    assert done.code == 0, done.err
    return tmp_path / "runs" / "r"


def row(run: Path) -> tuple[int, str]:
    run_at = probrm.load(run)
    try:
        fitted_source(run_at)
    except DataError as error:
        return 2, error.what
    assert Path(str(fitted_store(run_at))).is_file()
    done = call("posterior", str(run), "--row", "1")
    return done.code, done.err


def test_a_run_tells_nobody_where_it_was_made_and_finds_its_rows(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in fitted.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path
    assert row(fitted) == (0, "")
    # Moved with its data, moved alone, and called in the folder of the data.
    shutil.copytree(tmp_path, tmp_path.with_name("elsewhere"))
    shutil.rmtree(tmp_path / "secret-data")
    moved = tmp_path.with_name("elsewhere")
    assert row(moved / "runs" / "r") == (0, "")
    code, told = row(fitted)
    assert code == 2
    assert "changed or moved since the fit" in told
    monkeypatch.chdir(moved / "secret-data")
    assert row(fitted) == (0, "")


def test_a_run_that_is_saved_again_elsewhere_finds_its_rows(fitted: Path, tmp_path: Path) -> None:
    probrm.load(fitted).save(tmp_path / "deep" / "er" / "again")
    assert row(tmp_path / "deep" / "er" / "again") == (0, "")
