"""The pages of formats of logs: each of their files, read with its command, gives its table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.config.flags import parse_columns, parse_list, parse_values
from probrm.data import LogSpec, read_log
from probrm.data.products.registry import PRODUCTS
from tests.pages import command, sections_of, table, write_files
from tests.test_docs import parse
from tests.test_house import ROOT

PAGES = sorted((ROOT / "docs").glob("your_data_logs*.md"))
SECTIONS = sections_of(PAGES)
_PARSERS: dict[str, Any] = {"columns": parse_columns, "values": parse_values, "actions": lambda text: tuple(parse_list(text))}


def spec_of(words: list[str]) -> tuple[str, LogSpec]:
    """The source that a command names, and how it is read."""
    flags = dict(zip(words[2::2], words[3::2], strict=True))
    source = flags.pop("--data")
    found = {name.removeprefix("--").replace("-", "_"): value for name, value in flags.items()}
    return source, LogSpec(**{name: _PARSERS.get(name, str)(value) for name, value in found.items()})


def read(source: str, spec: LogSpec) -> list[list[str]]:
    """The rows of the page's table."""
    log = read_log(source, spec, min_rows=1)
    actions = log.actions if log.actions is not None else {"action": log.action}
    rows = [["prompt", "response", "user", *actions]]
    for i, conversation in enumerate(log.conversations):
        prompt = conversation.prompt_text if isinstance(conversation.prompt, str) else conversation.prompt[-1][1]
        values = []
        for name, column in actions.items():
            assert column is not None
            levels = next((one.levels for one in log.action_specs if one.column == name), ())
            value = column[i]
            values.append("" if np.isnan(value) else levels[int(value)] if levels else f"{value:g}")
        rows.append([prompt, conversation.response, "" if log.user is None else str(log.user[i]), *values])
    return rows


@pytest.mark.parametrize("title", SECTIONS)
def test_what_the_page_says_is_read(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    section = SECTIONS[title]
    write_files(section)
    words = command(section)
    parse(words)
    assert read(*spec_of(words)) == table(section)


def test_every_product_has_a_section() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    assert {f"`--preset {name}`" for name in PRODUCTS} <= set(re.findall(r"`--preset [\w-]+`", text))
