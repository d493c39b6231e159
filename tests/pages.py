"""Pages of formats: each section has files, one command that reads them, and the table that must come out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

_FILE = re.compile(r"^`([\w./=-]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\| prompt \|.*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """Those with a table, by title."""
    return {part.split("\n", 1)[0]: part for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:] if "| prompt |" in part}


def sections_of(pages: Iterable[Path]) -> dict[str, str]:
    """Of several pages; a title occurs once."""
    found = [one for page in pages for one in sections(page.read_text()).items()]
    assert len(dict(found)) == len(found), "two sections of one title"
    return dict(found)


def command(section: str) -> list[str]:
    """The words of its one command."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return shlex.split(block.replace("\\\n", " "))[1:]


def write_files(section: str) -> None:
    """Its files, into the present folder."""
    files = _FILE.findall(section)
    assert files
    for name, text in files:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def table(section: str) -> list[list[str]]:
    """Its one table: the head, then the rows."""
    (found,) = _TABLE.findall(section)
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines()]
    return [told[0], *told[2:]]
