from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests import pair_support, support
from tests.support import call, refused

SECTIONS = ["glance", "data", "model", "training", "learned", "calibration", "identifiability", "rows", "doubts"]


def digests(folder: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


def report(run: str, *flags: str) -> str:
    done = call("report", run, "--out", "report.html", "--overwrite", *flags)
    assert done.code == 0, done.err
    assert done.out == "report: report.html\n"
    return Path("report.html").read_text()


def test_one_file_with_all_sections_and_the_run_as_it_was() -> None:
    before = digests(support.short_run_path())
    done = call("report", support.short_run_path(), "--out", "a/report.html", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["report"] == "a/report.html"
    assert found["sections"] == SECTIONS
    assert found["missing"] == []
    assert found["doubts"]
    html = Path("a/report.html").read_text()
    assert found["bytes"] == len(html.encode()) < 3_000_000
    assert [path.name for path in Path("a").iterdir()] == ["report.html"]
    assert digests(support.short_run_path()) == before
    for text in ("log.parquet", "HalfNormal(2)", "Normal(0, 1.5)", "surface[web]", "What is ", "HalfNormal"):
        assert text in html, text
    assert "No file with a known truth was given" in html
    assert str(Path(support.log_path()).parent) not in html  # where the file lies is nobody's business
    assert html.count("<figure") == html.count("</figure>") >= 6
    assert html.count("<article>") == 10
    assert 'class="edge"' in html


def test_against_known_truth_beside_the_run_unless_told_otherwise() -> None:
    shutil.copytree(support.short_run_path(), "runs/x")
    done = call("report", "runs/x", "--data", support.truth_path(), "--embeddings", support.store_path(), "--quiet")
    assert (done.code, done.out, done.err) == (0, "report: runs/x.html\n", "")
    html = Path("runs/x.html").read_text()
    for text in ("AUROC ↑", "naive model", "200 rows of truth.parquet", "coverage of the 90 % interval"):
        assert text in html, text
    assert "No file with a known truth was given" not in html
    refused(call("report", "runs/x"), "runs/x.html", "exists already", "--overwrite")


def test_pairs() -> None:
    html = report(pair_support.run_path(), "--data", pair_support.other_path(), "--embeddings", pair_support.store_path())
    for text in ("pairs.parquet", "held-out pairs", "reward_weights", "answer 0.", "150 pairs of test.parquet"):
        assert text in html, text


@pytest.fixture
def hostile() -> str:
    """A run whose texts, users and covariates are all markup; the answers are very long."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
    frame = support.unlabelled()
    frame["surface"] = frame["surface"].replace("web", f"</svg>{evil}")
    frame["user_id"] = evil + frame["user_id"]
    frame["id"] = evil + frame["id"]
    frame["prompt"] = frame["prompt"] + "</pre></details></section>" + evil
    frame["response"] = frame["response"] + evil * 1000
    frame.to_parquet("hostile.parquet")
    conversations = list(zip(frame["prompt"], frame["response"], strict=True))
    _store(conversations)
    done = call(
        "fit",
        "implicit",
        "--data",
        "hostile.parquet",
        "--embeddings",
        "own.safetensors",
        "--propensity-features",
        "surface,hour",
        *support.QUICK,
        "--out",
        "evil",
    )
    assert done.code == 0, done.err
    return "evil"


def _store(conversations: list[tuple[str, str]]) -> None:
    import torch

    from probrm.data import Conversation
    from probrm.encoders import write_store

    vectors = torch.randn(len(conversations), 6, generator=torch.Generator().manual_seed(0))
    vectors[:, 0] = torch.tensor([1.0 if response.startswith("The") else -1.0 for _, response in conversations])
    write_store("own.safetensors", [Conversation(*one) for one in conversations], vectors, "a test's own encoder")


def test_hostile_texts_are_text(hostile: str) -> None:
    html = report(hostile)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count("</section>") == len(SECTIONS)
    assert html.count('<details class="text">') == 10
    assert "more characters are in the file alone" in html
    assert len(html) < 1_500_000


def test_a_log_that_has_gone_leaves_the_rest() -> None:
    """A run beside its log has been copied without it."""
    shutil.copytree(support.short_run_path(), "r/r")
    shutil.copy(support.store_path(), "r")
    assert not Path("r/log.parquet").exists()
    done = call("report", "r/r", "--out", "r.html", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert len(found["missing"]) == 1
    assert "log.parquet" in found["missing"][0]
    assert found["sections"] == SECTIONS
    html = Path("r.html").read_text()
    assert "The graph of the model is missing" in html
    assert "could not be read again" in html
    assert "base_rate" in html


def test_a_file_without_truth() -> None:
    refused(call("report", support.short_run_path(), "--out", "r.html", "--data", support.log_path()), "log.parquet", "label")
    refused(call("report", support.short_run_path(), "--out", "r.html", "--data", "nowhere.parquet"), "nowhere.parquet")
    assert not Path("r.html").exists()


def test_flags_about_a_file_that_is_not_given() -> None:
    refused(call("report", support.short_run_path(), "--columns", "label=y"), "--columns", "--data")


@pytest.mark.parametrize("out", ["taken/report.html", "folder"])
def test_places_that_cannot_be_written(out: str) -> None:
    Path("taken").write_text("mine")
    Path("folder").mkdir()
    refused(call("report", support.short_run_path(), "--out", out), f"--out {out}")
    assert Path("taken").read_text() == "mine"
    assert list(Path("folder").iterdir()) == []


def test_inside_the_run() -> None:
    shutil.copytree(support.short_run_path(), "r")
    refused(call("report", "r", "--out", "r/report.html"), "never written to")


def test_no_run_and_damaged_runs() -> None:
    refused(call("report", "nowhere"), "nowhere", "no such folder")
    shutil.copytree(support.short_run_path(), "r")
    Path("r/metrics.json").write_text("{}")
    refused(call("report", "r"), "damaged", "metrics.json")
    assert not Path("r.html").exists()
