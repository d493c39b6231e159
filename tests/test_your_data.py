"""The pages of formats of preference data: each of their files, read with its command, gives its table and says what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from probrm.data import LogSpec, PairSpec, read_log, read_pairs
from probrm.data.pairs.formats import PRESETS
from probrm.recipes.logs.flags import LOG
from probrm.recipes.pairs.flags import PAIRS
from tests.pages import command, sections_of, table, write_files
from tests.test_docs import parse
from tests.test_house import ROOT

PAGES = sorted(set((ROOT / "docs").glob("your_data*.md")) - set((ROOT / "docs").glob("your_data_logs*.md")))
SECTIONS = sections_of(PAGES)
_NOTES = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
GENERIC = {"hh-rlhf", "trl", "side-by-side", "helpsteer"}
"""Forms whose sections are not named after them."""


def settings(words: list[str], flags: Any) -> dict[str, Any]:
    """The ``[data]`` table that the flags of a command give."""
    given = dict(zip(words[0::2], words[1::2], strict=True))
    known = {f"--{flag.name}": flag for flag in flags}
    return {known[name].setting.removeprefix("data."): known[name].parse(value) for name, value in given.items()}


def read(words: list[str]) -> tuple[list[list[str]], list[str]]:
    """The rows of the page's table, and the notes."""
    model, source, flags = words[1], words[3], words[4:]
    if model == "implicit":
        log = read_log(source, LogSpec.from_dict(settings(flags, LOG)), min_rows=1)
        assert log.action is not None
        rows = [[c.prompt_text, c.response, f"{a:g}"] for c, a in zip(log.conversations, log.action, strict=True)]
        return [["prompt", "response", "action"], *rows], log.notes
    pairs = read_pairs(source, PairSpec.from_dict(settings(flags, PAIRS)), min_pairs=1)
    rows = [[c.prompt_text, c.response, r.response] for c, r in zip(pairs.chosen, pairs.rejected, strict=True)]
    return [["prompt", "preferred", "other"], *rows], pairs.notes


@pytest.mark.parametrize("title", SECTIONS)
def test_what_the_page_says_is_read(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    section = SECTIONS[title]
    write_files(section)
    words = command(section)
    parse(words)
    found, notes = read(words)
    assert found == table(section)
    for lines in _NOTES.findall(section):
        assert set(lines.splitlines()) <= set(notes)


def test_every_published_form_has_a_section() -> None:
    named = [name for page in PAGES for name in re.findall(r"^Preset: `--preset ([\w-]+)`\.$", page.read_text(), re.MULTILINE)]
    assert sorted(named) == sorted(set(PRESETS) - GENERIC)
