from __future__ import annotations

import pytest

from probrm.config.flags import parse_columns, parse_list, parse_weights
from probrm.errors import ConfigError
from probrm_cli.flags import overridden


def test_columns() -> None:
    assert parse_columns("prompt=question, action = copied,id=") == {"prompt": "question", "action": "copied", "id": ""}
    assert parse_columns("prompt=a=b") == {"prompt": "a=b"}
    assert parse_columns(None) == parse_columns("") == {}
    with pytest.raises(ConfigError, match=r"--columns: found 'action'.*\n.*prompt=question"):
        parse_columns("prompt=question,action")
    with pytest.raises(ConfigError, match="--columns: 'prompt' is given twice"):
        parse_columns("prompt=a, prompt=b")


def test_lists() -> None:
    assert parse_list("a, b,,c ") == ["a", "b", "c"]
    assert parse_list("") == []


def test_weights() -> None:
    assert parse_weights("helpful=0.7, brief = 3e-1,") == {"helpful": 0.7, "brief": 0.3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("helpful", "found 'helpful'; allowed: NAME=NUMBER"),
        ("=1", "found '=1'"),
        ("", "found ''"),
        ("a=1,a=2", "'a' is given twice; allowed: each objective once"),
        ("a=much", "a is 'much'; allowed: finite numbers of 0 or more"),
    ],
)
def test_weights_that_are_none(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"--weights: {told}"):
        parse_weights(text)


def test_another_file_is_read_as_the_fits_but_for_what_is_said() -> None:
    base = {"columns": {"prompt": "question", "action": "copied"}, "preset": "realhumaneval", "derive": ["length"]}
    assert overridden(base, None, None) == base
    changed = overridden(base, "prompt=text,label=good", "")
    assert changed == {"columns": {"prompt": "text", "action": "copied", "label": "good"}, "preset": None, "derive": ["length"]}
    assert base["columns"] == {"prompt": "question", "action": "copied"}
