from __future__ import annotations

import os
from pathlib import Path

import pytest

from probrm.errors import RunError
from probrm.report.target import choose_file


def test_beside_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "x").mkdir(parents=True)
    assert choose_file("runs/x", None, overwrite=False) == Path("runs/x.html")
    assert choose_file("runs/x/", None, overwrite=False) == Path("runs/x.html")
    monkeypatch.chdir(tmp_path / "runs" / "x")
    assert choose_file(".", None, overwrite=False) == tmp_path / "runs" / "x.html"


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run.html").write_text("mine")
    with pytest.raises(RunError, match=r"exists already(.|\n)*--overwrite"):
        choose_file(tmp_path / "run", None, overwrite=False)
    assert choose_file(tmp_path / "run", str(tmp_path / "run.html"), overwrite=True) == tmp_path / "run.html"


def test_a_run_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    for out in ("run/report.html", "link/report.html", "run/a/b.html"):
        with pytest.raises(RunError, match="never written to"):
            choose_file(tmp_path / "run", str(tmp_path / out), overwrite=True)


def test_folders_and_places_that_refuse(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="it is a folder"):
        choose_file(tmp_path / "run", str(tmp_path), overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        choose_file(tmp_path / "run", str(tmp_path / "file" / "report.html"), overwrite=True)
    if os.geteuid():  # root may write anywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(RunError, match="cannot be written"):
            choose_file(tmp_path / "run", str(tmp_path / "closed" / "report.html"), overwrite=False)
