"""What comes from data, names and flags reaches a terminal as text that it cannot obey, and no longer than a person reads."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from probrm.errors import DataError
from probrm_cli.plain import plain
from probrm_cli.terminal import print_table, say, say_error, tell
from tests.probrm_cli.generated.judge import CONTROL
from tests.probrm_cli.generated.strange import CONTROLS, MARKUP
from tests.support import call

SAVED = Path(__file__).parents[1] / "saved_runs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\ud800", r"\ud800"),
        ("a\r\nb\vc", r"a\r\nb\x0bc"),
        ("\u2028", r"\u2028"),
        ("\ufeffx", r"\ufeffx"),
        ("[red]é 日本 😀\t90\u202f%\xa0\u200d", "[red]é 日本 😀\t90\u202f%\xa0\u200d"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_python_writes_it(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(f"{text}\n{text}", lines=True) == "\n".join(plain(line) for line in f"{text}\n{text}".split("\n"))


def test_long_texts_are_cut_in_the_middle() -> None:
    found = plain("a" * 10_000_000 + "end", longest=100)
    assert found == f"{'a' * 75} […9,999,903 characters…] {'a' * 22}end"
    assert plain("a" * 100, longest=100) == "a" * 100


@pytest.mark.parametrize("text", [*CONTROLS, *MARKUP])
def test_all_that_prints_goes_through_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text, f"x {text}")
    tell([text], quiet=False)
    say_error(DataError(text, fix=text))
    print_table(text, (text, text), [(text, "1")], words=(1,))
    out, err = capsys.readouterr()
    assert not CONTROL.search(out + err)
    assert err.count("\n") == 3
    if text in MARKUP:
        assert out.count(text) >= 5


@pytest.mark.parametrize("text", [text for text in CONTROLS if "\0" not in text])
def test_commands_on_a_log_that_is_full_of_them(text: str) -> None:
    """Names of columns, ids, users, texts and levels, in what is shown and in what is refused; names of files, rows, variables and flags."""
    frame = pd.read_parquet(SAVED / "log.parquet").rename(columns={"hour": f"hour{text}"})
    frame["prompt"] = frame["prompt"] + text
    frame["user_id"], frame["id"] = text, [f"{text}{i}" for i in range(len(frame))]
    name = re.sub("[\r\n]", "", f"log{text.replace('/', '')}.parquet")
    frame.to_parquet(name)
    frame.assign(action=text).to_csv("bad.csv", index=False)
    shutil.copytree(SAVED / "implicit", "r")
    store = ("--embeddings", str(SAVED / "store.safetensors"))
    for words in (
        ("inspect", name),
        ("inspect", "bad.csv"),
        ("inspect", name, "--columns", f"action={text}"),
        ("score", "r", "--data", name, *store, "--out", "s.csv"),
        ("evaluate", "r", "--data", f"{name}{text}", *store),
        ("posterior", "r", "--row", text),
        ("posterior", "r", "--var", text),
        ("posterior", text),
        ("fit", "implicit", "--data", name, *store, "--set", f"model.{text}=1", "--out", "new"),
        ("fit", text),
        (text,),
    ):
        done = call(*words)
        assert not CONTROL.search(done.out + done.err), words
        assert done.code == 0 or done.err.count("\n") == 2, done.err


def test_json_of_them_is_ascii() -> None:
    frame = pd.read_parquet(SAVED / "log.parquet").rename(columns={"hour": "".join(CONTROLS).replace("\0", "")})
    frame.to_parquet("log.parquet")
    done = call("inspect", "log.parquet", "--json")
    assert done.out.isascii()
    assert not CONTROL.search(done.out)
    assert "".join(CONTROLS).replace("\0", "") in json.loads(done.out)["ignored"]


def test_a_name_of_ten_megabytes_is_cut() -> None:
    frame = pd.read_parquet(SAVED / "log.parquet").rename(columns={"hour": "h" * 10_000_000})
    frame.to_parquet("log.parquet")
    for words in (("inspect", "log.parquet"), ("inspect", "log.parquet", "--columns", "action=x")):
        done = call(*words)
        assert len(done.out + done.err) < 10_000, words
