from __future__ import annotations

import io
import json
import math
import sys

import pytest

from probrm.progress import silent
from probrm_cli.terminal import Bars, interval, number, print_json, print_table, progress, tell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_is_strict_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.nan, 1.5, (math.inf,)], "é": "\ud800 ü", 3: None})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"a": [None, 1.5, [None]], "é": "\ud800 ü", "3": None}


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell(["one", "two"], quiet=False)
    tell(["three"], quiet=True)
    assert tuple(capsys.readouterr()) == ("", "note: one\nnote: two\n")


def test_numbers() -> None:
    assert [number(x) for x in (1.23456, None, math.nan, -math.inf, 0.0)] == ["1.235", "–", "–", "–", "0.000"]
    assert number(0.12345, 4) == "0.1235"
    assert interval(-1, math.nan) == "[-1.000, –]"


def test_tables_take_brackets_for_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("title [bold]", ("variable [x]", "mean"), [("effect[surface[ide]]", "[1.0, 2.0]"), ("[red]", "1")])
    printed = capsys.readouterr().out
    for text in ("title [bold]", "variable [x]", "effect[surface[ide]]", "[1.0, 2.0]", "[red]"):
        assert text in printed


def test_a_wide_table_is_not_cut_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("", ("a", "b"), [("x" * 60, "y" * 40)])
    assert "x" * 60 + "   " + "y" * 40 in capsys.readouterr().out


def test_bars_are_drawn_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress(quiet=False) is silent
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(progress(quiet=False), Bars)
    assert progress(quiet=True) is silent


def test_a_bar_says_how_far_how_fast_and_how_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with Bars().task("SVI", 100) as advance:
        advance(25, elbo="-0.5")
        advance(25)
        advance(50, elbo=-0.123456)
    drawn = screen.getvalue()
    for text in ("SVI", "100/100", "/s", "elbo -0.12346"):
        assert text in drawn
    assert capsys.readouterr().out == ""
