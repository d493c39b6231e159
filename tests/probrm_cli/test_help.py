"""Help: commands stand in sections, and each ends with an example that runs in a clone."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm_cli.app import SECTIONS
from tests import support
from tests.test_docs import command_of
from tests.test_house import ROOT

GROUPS = ("fit", "simulate")


def verbs() -> list[tuple[str, ...]]:
    """Every command that does something."""
    alone: list[tuple[str, ...]] = [(name,) for names in SECTIONS.values() for name in names if name not in GROUPS]
    return alone + [(group, name) for group in GROUPS for name in command_of(group).list_commands(None)]


def example(verb: tuple[str, ...]) -> list[str]:
    """The words behind ``probrm`` of a command's example; what stands in brackets behind it is no part of it."""
    text = re.sub(r"  \(.*\)$", "", command_of(*verb).epilog)
    words = shlex.split(text.removeprefix("Example: "))
    assert words[0] == "probrm"
    return words[1:]


def test_every_command_stands_in_one_section() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted({*command_of().commands})
    shown = support.call("--help").out
    assert [shown.index(f" {section} ") for section in SECTIONS] == sorted(shown.index(f" {section} ") for section in SECTIONS)


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_help_ends_with_an_example_that_is_accepted(verb: tuple[str, ...]) -> None:
    words = example(verb)
    assert tuple(words[: len(verb)]) == verb
    command_of(*verb).make_context(verb[-1], words[len(verb) :])
    for word in words:
        assert not word.startswith("examples/") or (ROOT / word).is_file()


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_each_is_said_in_one_plain_line(verb: tuple[str, ...]) -> None:
    first = command_of(*verb).help.split("\n\n")[0]
    assert "\n" not in first
    assert len(first) <= 90
    assert first.endswith(".")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_examples_run(tmp_path: Path, simulations: Callable[[int, int], int]) -> None:
    """In a folder with the examples and what ``make demo`` leaves; the server is started by tests of its own. The tutorials run most of them, too."""
    simulations(1, 0)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program, fit = str(support.script()), example(("fit", "implicit"))
    before = [[*fit, "--out", "runs/demo"], [*fit, "--out", "runs/exportable", "--exportable"]]
    others = [example(verb) for verb in verbs() if verb[0] not in ("serve", "compare") and verb[:2] != ("fit", "implicit")]
    for words in [*before, *others]:
        with support.environment():
            done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
