from __future__ import annotations

import pytest

from probrm.config.flags import parse_columns, parse_list
from probrm.errors import ConfigError
from probrm_cli.flags import overridden


def test_columns() -> None:
    assert parse_columns("prompt=question, action = copied,id=") == {"prompt": "question", "action": "copied", "id": ""}
    assert parse_columns("prompt=a=b") == {"prompt": "a=b"}
    assert parse_columns(None) == parse_columns("") == {}
    with pytest.raises(ConfigError, match=r"--columns: found 'action'.*\n.*prompt=question"):
        parse_columns("prompt=question,action")


def test_lists() -> None:
    assert parse_list("a, b,,c ") == ["a", "b", "c"]
    assert parse_list("") == []


def test_another_file_is_read_as_the_fits_but_for_what_is_said() -> None:
    base = {"columns": {"prompt": "question", "action": "copied"}, "preset": "realhumaneval", "derive": ["length"]}
    assert overridden(base, None, None) == base
    changed = overridden(base, "prompt=text,label=good", "")
    assert changed == {"columns": {"prompt": "text", "action": "copied", "label": "good"}, "preset": None, "derive": ["length"]}
    assert base["columns"] == {"prompt": "question", "action": "copied"}
