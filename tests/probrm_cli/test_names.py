"""Names that are no files, for every flag that takes one: a message, in no time, and nothing left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support import call, refused

SAVED = Path(__file__).parents[1] / "saved_runs"
STORE = ("--embeddings", str(SAVED / "store.safetensors"))
COMMANDS = {
    "--data of fit": ("fit", "implicit", "--data", "X", *STORE, "--out", "new"),
    "--data of score": ("score", "r", "--data", "X", *STORE, "--out", "new.csv"),
    "--data of evaluate": ("evaluate", "r", "--data", "X", *STORE),
    "--data of simulate": ("simulate", "implicit", "--data", "X", "--out", "new.csv"),
    "--data of embed": ("embed", "--data", "X", "--out", "new.safetensors"),
    "--data of report": ("report", "r", "--data", "X", "--out", "new.html"),
    "--embeddings of fit": ("fit", "implicit", "--data", "log.parquet", "--embeddings", "X", "--out", "new"),
    "--embeddings of score": ("score", "r", "--data", "log.parquet", "--embeddings", "X", "--out", "new.csv"),
    "--encoder of fit": ("fit", "implicit", "--data", "log.parquet", "--encoder", "X", "--out", "new"),
    "--encoder of embed": ("embed", "--data", "log.parquet", "--encoder", "X", "--out", "new.safetensors"),
    "--config of fit": ("fit", "implicit", "--data", "log.parquet", *STORE, "--config", "X", "--out", "new"),
    "the run of score": ("score", "X", "--data", "log.parquet", *STORE, "--out", "new.csv"),
    "the run of posterior": ("posterior", "X"),
    "the run of report": ("report", "X", "--out", "new.html"),
    "a run of compare": ("compare", "X", "r"),
    "the file of inspect": ("inspect", "X"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name", ["x" * 5000, "~nosuchuser/x", "a\udc80b", "", "\x1b]0;x\x07"], ids=["long", "nobody", "bytes", "empty", "controls"]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_is_none(command: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    shutil.copytree(SAVED / "implicit", "r")
    shutil.copy(SAVED / "log.parquet", "log.parquet")
    done = call(*(name if word == "X" else word for word in COMMANDS[command]))
    refused(done)
    assert len(done.err) < 4000
    assert sorted(os.listdir()) == ["log.parquet", "r"]


@pytest.mark.timeout(20)
def test_a_store_is_no_folder_to_be_searched() -> None:
    shutil.copytree(SAVED / "implicit", "r")
    refused(
        call("score", "r", "--data", str(SAVED / "log.parquet"), "--embeddings", "/", "--out", "s.csv"), "/: no such file of embeddings"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "r", "--data", "x", "--seed", "-1"), "--seed"),
        (("evaluate", "r", "--data", "x", "--seed", "9" * 30), "--seed"),
        (("evaluate", "r", "--data", "x", "--bootstrap", "-1"), "--bootstrap"),
        (("evaluate", "r", "--data", "x", "--bootstrap", "1000000000"), "--bootstrap"),
        (("compare", "a", "b", "--seed", "-1"), "--seed"),
        (("simulate", "implicit", "--data", "x", "--out", "y.csv", "--seed", "9" * 30), "--seed"),
        (("fit", "implicit", "--data", "x", "--seed", "-1"), "seed: found -1"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_numbers_out_of_range(words: tuple[str, ...], said: str) -> None:
    refused(call(*words), said)


def test_a_log_larger_than_memory_is_not_simulated() -> None:
    Path("rated.csv").write_text("prompt,response,rating\n" + "".join(f"q{i // 3},a{i},{i % 5}\n" for i in range(60)))
    done = call("simulate", "implicit", "--data", "rated.csv", "--out", "l.csv", "--exposures", "100000000")
    refused(done, "6,000,000,000 rows", "--exposures 83333 or fewer")
    assert os.listdir() == ["rated.csv"]
