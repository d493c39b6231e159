"""Every part runs on the CPU in small, so that it runs the first time where there is a GPU."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import __main__ as script
from benchmarks.gpu import fits, parts, report
from benchmarks.gpu.folders import tokenizer
from benchmarks.gpu.parts import PARTS, Settings, Sheet

EXPECTED = {
    "fits": ["implicit: fit on cpu", "bradley-terry: posterior sds apart", "vrm: held-out log-likelihood apart"],
    "steps": ["linear heads, batch 32: SVI, in times plain torch", "MLP heads 16-8-4-1, batch 32: SVI, in times plain torch"],
    "epoch": ["rows a second", "peak memory over the data"],
    "encoders": ["Qwen3-0.6B: best share of the ceiling", "MiniLM: times as fast as sentence-transformers at its best"],
}


@functools.cache
def results() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        code = script.main(["--device", "cpu", "--tiny", "--out", folder])
        found = json.loads((Path(folder) / "results.json").read_text())
        found["code"], found["table"] = code, (Path(folder) / "results.md").read_text()
    return found


def test_everything_together_takes_less_than_eight_minutes() -> None:
    assert sum(PARTS.values()) < 480


@pytest.mark.long
@pytest.mark.parametrize("name", PARTS)
def test_a_part_runs(name: str) -> None:
    part = results()["parts"][name]
    assert (part["status"], part["error"]) == ("done", "")
    assert part["peak_memory_gib"] > 0
    assert 0 < part["seconds"] < PARTS[name] == part["limit"]
    there = {row["what"]: row["value"] for row in part["rows"]}
    assert set(EXPECTED[name]) <= set(there)
    assert all(value >= 0 for value in there.values())


@pytest.mark.long
def test_results_name_the_machine_and_whether_aims_were_met() -> None:
    found = results()
    assert found["code"] == 0
    assert {"torch", "pyro", "python", "name"} <= set(found["machine"])
    assert "| fits | vrm: posterior sds apart | 1 factor, geometric mean | at most 1.35 | pass |" in found["table"]
    assert all(f"| {name} | peak memory |" in found["table"] for name in PARTS)


def test_a_part_that_overruns_leaves_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    part = script.run("steps", Settings("cpu", tiny=True), 0.5)
    assert part["status"] == "overran"
    assert part["rows"] == []
    assert "stopped after 0.5 s" in part["error"]


def test_a_part_that_fails_is_told_and_the_others_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = script.main(["--device", "cuda:7", "--tiny", "--out", str(tmp_path), "--parts", "steps", "epoch"])
    found = json.loads((tmp_path / "results.json").read_text())["parts"]
    assert code == 1
    assert [part["status"] for part in found.values()] == ["failed", "failed"]
    assert "no CUDA device" in found["epoch"]["error"]
    assert "steps failed" in capsys.readouterr().out


def test_a_sheet_is_on_disk_after_each_number(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "r.json")
    sheet.row("a", 2.0, "s", most=1.0)
    sheet.row("b", 2.0, least=1.0)
    sheet.note("said")
    found = json.loads((tmp_path / "r.json").read_text())
    assert [(row["aim"], row["met"]) for row in found["rows"]] == [("at most 1", False), ("at least 1", True)]
    sheet.end(0.5)
    table = report.markdown(
        {"machine": {"device": "cpu"}, "tiny": True, "parts": {"p": {**found, "status": "done", "seconds": 1, "limit": 2}}}
    )
    assert "| p | a | 2 s | at most 1 | fail |" in table
    assert "- p: said" in table


def test_fits_apart_are_told(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    draws = {"w": torch.randn(500, 20), "s": torch.randn(500)}
    here = fits.Found(draws, -0.5, 1.0)
    moved = fits.Found({"w": draws["w"] * 1.5 + 0.3, "s": draws["s"] + 1}, -0.6, 1.0)
    for name, there in (("same", here), ("moved", moved)):
        sheet = parts.Sheet(tmp_path / f"{name}.json")
        fits.compare("implicit", here, there, sheet)
        met = [row["met"] for row in json.loads((tmp_path / f"{name}.json").read_text())["rows"]]
        assert met == [name == "same"] * 4


def test_the_tokenizer_gives_a_token_a_word() -> None:
    assert tokenizer(special=False)("w0 w7")["input_ids"] == [5, 12]
    assert tokenizer(special=True)("w0")["input_ids"] == [2, 5, 3]
