from __future__ import annotations

import math

import pytest

from probrm.report.words import basename, inert, interval, number, seconds


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.23456, "1.235"),
        (-0.5, "−0.500"),
        (0.0, "0.000"),
        (0.0001, "1.0e−04"),
        (None, "–"),
        (math.nan, "–"),
        (12345, "12\u202f345"),
        (True, "yes"),
        (2.5e7, "2.5e+07"),
    ],
)
def test_numbers(value: object, shown: str) -> None:
    assert number(value) == shown


def test_intervals_and_times() -> None:
    assert interval(-1.0, 2.0, 1) == "[−1.0, 2.0]"
    assert seconds(12.34) == "12.3 s"
    assert seconds(120) == "2.0 min"


def test_what_an_html_file_cannot_hold_is_taken_out() -> None:
    assert inert("a\0b\x1b[31m\tc\nd\x85") == "a�b�[31m\tc\nd�"
    assert inert("\ud800x").encode() == "�x".encode()
    assert inert("user\u202egnp.exe") == "usergnp.exe"  # no text turns the page around
    assert inert("שלום 你好 🙂") == "שלום 你好 🙂"


@pytest.mark.parametrize(("path", "last"), [("a/b/c.csv", "c.csv"), ("a/b/", "b"), ("hub/name", "name"), (None, "")])
def test_paths_are_cut(path: str | None, last: str) -> None:
    assert basename(path) == last
