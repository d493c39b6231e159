"""Places, cards, and what is refused before any work."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import probrm
from probrm.errors import ConfigError
from probrm.exports import MARKER, check, export_run
from probrm.runs import find_recipe
from tests.small_runs import tiny_run
from tests.support import call, log_frame, refused

TO: Any = "sentence-transformers"


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    run = tiny_run("bert")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    for name, message in (("file", "it is a file"), ("folder", "holds something that is no export")):
        with pytest.raises(ConfigError, match=message):
            export_run(run, tmp_path / name, to=TO, overwrite=True)
    export_run(run, tmp_path / "out", to=TO)
    before = (tmp_path / "out" / "README.md").read_bytes()
    with pytest.raises(ConfigError, match="already holds an export"):
        export_run(run, tmp_path / "out", to=TO)
    assert (tmp_path / "out" / "README.md").read_bytes() == before
    export_run(tiny_run("bert", layer=1, normalize=False), tmp_path / "out", to=TO, overwrite=True)
    assert (tmp_path / "out" / "README.md").read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "out"]


def test_what_is_not_exact_when_tried_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run("bert")
    export_run(run, tmp_path / "out", to=TO)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    monkeypatch.setattr(check, "TOLERANCE", 0.0)
    with pytest.raises(ConfigError, match="its scores are off by"):
        export_run(run, tmp_path / "out", to=TO, overwrite=True)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_card(tmp_path: Path) -> None:
    run = tiny_run("bert")
    frame = log_frame(100, seed=5)
    frame.to_parquet(tmp_path / "truth.parquet")
    recipe = find_recipe(run.kind)
    spec = recipe.read_spec(run.config["data"])
    evaluation, _ = recipe.evaluate(run, str(tmp_path / "truth.parquet"), spec, bootstrap=20)
    export_run(run, tmp_path / "out", to=TO, command="probrm export run out", evaluation=evaluation)
    card = (tmp_path / "out" / "README.md").read_text()
    for part in (run.record["data"]["sha256"], "probrm export run out", "auroc", "ece", "Intended use", "interval reliability"):
        assert part in card
    told = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    for place in (str(tmp_path), run.record["encoder"]["config"]["name"], tempfile.gettempdir() + "/"):
        assert not [path for path in told if place in path.read_text()]
    about = json.loads((tmp_path / "out" / MARKER).read_text())
    assert (about["to"], about["model"], about["data"]["rows"]) == (TO, "naive", 120)


def test_a_run_whose_encoder_is_gone_or_another(tmp_path: Path) -> None:
    run = probrm.load(Path(__file__).parents[2] / "saved_runs" / "implicit")
    with pytest.raises(ConfigError, match="is not the one that the run was fitted on"):
        export_run(run, tmp_path / "out", to=TO)


def test_from_the_command_line(tmp_path: Path) -> None:
    """A fit that is made for it, and the folder's scores beside those of ``probrm score``."""
    import pandas as pd
    from sentence_transformers import CrossEncoder

    from tests.small_models import save_model

    log, model = str(tmp_path / "log.parquet"), str(save_model("bert", tmp_path / "model"))
    log_frame(120).to_parquet(log)
    run, out = str(tmp_path / "run"), str(tmp_path / "out")
    quick = ["--inference", "laplace", "--starts", "1", "--set", "inference.refit=false", "--set", "inference.draws=50"]
    done = call("fit", "naive", "--data", log, "--encoder", model, "--exportable", "--out", run, *quick, "--quiet")
    assert done.code == 0, done.err
    done = call("export", run, out, "--to", TO, "--data", log, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["folder"], found["to"]) == (out, TO)
    assert "auroc" in (tmp_path / "out" / "README.md").read_text()
    done = call("score", run, "--data", log, "--out", str(tmp_path / "scored.parquet"), "--quiet")
    assert done.code == 0, done.err
    scored: Any = pd.read_parquet(tmp_path / "scored.parquet")
    scores = CrossEncoder(out, device="cpu").predict(list(zip(scored["prompt"], scored["response"], strict=True)), show_progress_bar=False)
    np.testing.assert_allclose(scores, scored["reward"], atol=1e-5)
    refused(call("export", run, out, "--to", TO), "out", "already holds an export")
    refused(call("export", run, out, "--to", "onnx"), "--to onnx", "sentence-transformers, transformers")
    refused(call("export", run, run + "/inside", "--to", TO), "inside the run")
    refused(call("export", run, out + "2", "--to", TO, "--columns", "a=b"), "--columns", "--data")
    refused(call("export", run, out + "2", "--to", "transformers"), "encoder.normalize", "encoder.pooling")
    refused(call("fit", "naive", "--data", log, "--exportable", "--set", 'encoder.pooling="last"'), "encoder.pooling", "'mean'")
    refused(call("fit", "naive", "--data", log, "--exportable", "--embeddings", "store.safetensors"), "--exportable", "store.safetensors")
