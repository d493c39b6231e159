"""Products' exports from the command line: fitted, evaluated, read again, and reported."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import probrm
from probrm.data import Conversation
from probrm.encoders import write_store
from tests import products, support
from tests.support import QUICK, call, refused


@functools.cache
def store() -> str:
    """The tests' store, with prompts as the chats of one message that products have, too."""
    frame = pd.concat([support.log_frame(), support.log_frame(200, seed=1)])
    texts = [(row["prompt"], row["response"]) for row in frame.to_dict("records")]
    conversations = [Conversation(prompt, response) for prompt, response in texts]
    conversations += [Conversation((("user", prompt),), response) for prompt, response in texts]
    vectors = torch.randn(len(texts), 6, generator=torch.Generator().manual_seed(0))
    vectors[:, 0] = torch.tensor([1.0 if response.startswith("The") else -1.0 for _, response in texts])
    path = str(support.CACHE.parent / "chats.safetensors")
    write_store(path, conversations, torch.cat([vectors, vectors]), "a test's own encoder")
    return path


SHORT = ("--embeddings", store(), *QUICK)


def shown(*, down: bool = True) -> list[products.Shown]:
    """The log of the tests as a product has it; what users do not like, they sometimes say."""
    frame, found = support.log_frame(), []
    for i, row in enumerate(frame.to_dict("records")):
        thumb = 1 if row["action"] else -1 if down and not row["label"] and i % 4 == 0 else 0
        found.append(products.Shown(f"m{i}", row["user_id"], f"c{i}", row["prompt"], row["response"], thumb))
    return found


def fit(model: str, source: str, out: str, *flags: str) -> tuple[dict[str, Any], str]:
    done = call("fit", model, "--data", source, "--out", out, *SHORT, *flags, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out), done.err


@functools.cache
def plain() -> float:
    """What the naive model of the tests' log says of its held-out actions."""
    with tempfile.TemporaryDirectory() as folder:
        found, _ = fit("naive", support.log_path(), f"{folder}/plain")
    return found["diagnostics"]["held_out_log_likelihood"]


def test_a_product_is_fitted_and_said_to_be_read_so(tmp_path: Path) -> None:
    found, told = fit("implicit", products.RENDER["langfuse"](shown(), tmp_path), "r")
    assert "(--preset langfuse)" in told
    assert "exposures: complete: 300 answers shown" in told
    assert found["exposures"]["verdict"] == "complete"
    assert found["identifiability"]["actions"] == ["thumb:up", "thumb:down"]
    done = call("evaluate", "r", "--data", support.truth_path(), "--embeddings", store(), "--bootstrap", "5", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["auroc"]["value"] > 0.7
    row = call("posterior", "r", "--row", probrm.load("r").split[0], "--json")
    assert row.code == 0, row.err


def test_a_model_of_one_action_reads_it_too(tmp_path: Path) -> None:
    found, told = fit("naive", products.librechat(shown(), tmp_path), "r")
    assert "thumbs down count as no action" in told
    assert found["exposures"]["acted"] == sum(one.thumb == 1 for one in shown())


def test_a_rated_chats_export_is_kept_as_selected(tmp_path: Path) -> None:
    found, told = fit("implicit", products.openwebui_feedback(shown(), tmp_path), "r", "--columns", "user_id=")
    assert found["exposures"]["verdict"] == "selected"
    assert "export all chats" in told
    assert probrm.load("r").metrics["exposures"]["verdict"] == "selected"
    assert call("report", "r", "--out", "r.html").code == 0
    page = Path("r.html").read_text()
    assert "The exposures are selected: the export holds chats with a rating alone" in page
    assert "exposures" in page


def test_acted_on_answers_alone_are_refused(tmp_path: Path) -> None:
    source = products.librechat([one for one in shown() if one.thumb], tmp_path)
    refused(call("fit", "implicit", "--data", source, *SHORT), source, "exposures: none", "--columns label=NAME")


def test_values_and_missing_actions_by_flags(tmp_path: Path) -> None:
    frame = support.unlabelled()
    frame["verdict"] = [("like" if a else None) for a in frame["action"]]
    frame.drop(columns="action").to_parquet(tmp_path / "log.parquet")
    args = ("--columns", "action=verdict", "--values", "like=1")
    refused(call("fit", "implicit", "--data", "log.parquet", *args, *SHORT), "row", "--missing-action 0")
    found, told = fit("naive", "log.parquet", "r", *args, "--missing-action", "0")
    assert "read as no action" in told
    assert found["diagnostics"]["held_out_log_likelihood"] == plain()
    Path("s.toml").write_text('[data]\ncolumns = {action = "verdict"}\nvalues = {like = 1}\nmissing_action = 0\n')
    again, _ = fit("naive", "log.parquet", "toml", "--config", "s.toml")
    assert again["diagnostics"]["held_out_log_likelihood"] == plain()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--values", "up"), "--values: found 'up'"),
        (("--values", "up=x"), "'up' becomes 'x'"),
        (("--missing-action", "1"), "allowed: 0"),
        (("--feedback", "f.csv"), "one is given without the other"),
        (("--preset", "librachat"), "there is no 'librachat'"),
        (("--preset", "litellm", "--feedback", "no.csv", "--on", "request_id"), "none of its 300 calls has a prompt and an answer"),
    ],
)
def test_bad_flags(flags: tuple[str, ...], says: str) -> None:
    done = call("fit", "implicit", "--data", support.log_path(), *flags, *SHORT)
    refused(done, says)


def test_parts_of_a_log_are_fitted_and_found_again(tmp_path: Path) -> None:
    frame = support.unlabelled()
    for i, part in enumerate(np.array_split(np.arange(300), 3)):
        folder = tmp_path / "log" / f"day={i}"
        folder.mkdir(parents=True)
        frame.iloc[part].to_parquet(folder / "part-0.parquet")
    for number, source in enumerate(("log", "log/*/*.parquet")):
        found, _ = fit("naive", source, f"r{number}")
        assert found["diagnostics"]["held_out_log_likelihood"] == plain()
        assert call("posterior", f"r{number}", "--row", "r7", "--json").code == 0
        done = call("fit", "naive", "--data", source, "--out", f"r{number}", *SHORT, "--resume", "--json")
        assert "holds this fit already" in done.err


def test_labels_in_words_are_evaluated(tmp_path: Path) -> None:
    frame = support.log_frame(200, seed=1)
    frame["verdict"] = [("good" if value else "bad") for value in frame["label"]]
    frame.drop(columns=["label", "true_probability"]).to_parquet(tmp_path / "words.parquet")
    args = ("--embeddings", store(), "--bootstrap", "5", "--json")
    plain = call("evaluate", support.short_run_path(), "--data", support.truth_path(), *args)
    words = call(
        "evaluate", support.short_run_path(), "--data", "words.parquet", "--columns", "label=verdict", "--values", "good=1,bad=0", *args
    )
    assert words.code == 0, words.err
    assert json.loads(words.out)["metrics"]["auroc"] == json.loads(plain.out)["metrics"]["auroc"]


def test_one_class_of_labels_gives_no_verdict(tmp_path: Path) -> None:
    frame = support.log_frame(200, seed=1)
    frame["label"] = [1 if value else None for value in frame["label"]]
    frame.drop(columns=["true_probability"]).to_parquet(tmp_path / "positive.parquet")
    done = call("evaluate", support.short_run_path(), "--data", "positive.parquet", "--embeddings", store(), "--bootstrap", "20")
    assert done.code == 0, done.err
    assert "labels are 1 and no row has label 0" in done.err
    assert "better" not in done.out
    assert "worse" not in done.out
