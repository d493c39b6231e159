from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probrm.config import merge, nested, parse_assignment, read_toml
from probrm.errors import ConfigError


def test_later_entries_win_table_by_table_and_nothing_is_changed_in_place() -> None:
    base = {"a": 1, "t": {"x": 1, "y": {"z": 2}}, "l": [1, 2]}
    over = {"t": {"y": {"w": 3}}, "l": [3], "new": {"k": 1}}
    assert merge(base, over) == {"a": 1, "t": {"x": 1, "y": {"z": 2, "w": 3}}, "l": [3], "new": {"k": 1}}
    assert base == {"a": 1, "t": {"x": 1, "y": {"z": 2}}, "l": [1, 2]}


PRIOR = {"dist": "Normal", "loc": 0.0, "scale": {"dist": "HalfNormal", "scale": 2.0}}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        (PRIOR, {"dist": "Horseshoe"}, {"dist": "Horseshoe"}),
        (PRIOR, {"dist": "Normal", "loc": 1.0}, PRIOR | {"loc": 1.0}),
        (PRIOR, {"loc": 1.0}, PRIOR | {"loc": 1.0}),
        (PRIOR, {"scale": {"dist": "Gamma"}}, PRIOR | {"scale": {"dist": "Gamma"}}),
        (PRIOR, {"scale": 3}, PRIOR | {"scale": 3}),
        (0.5, {"dist": "Beta"}, {"dist": "Beta"}),
    ],
)
def test_another_distribution_starts_its_prior_afresh(base: Any, over: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge({"p": base}, {"p": over}) == {"p": merged}


def test_another_guide_or_inference_starts_afresh_but_no_other_name_does() -> None:
    svi = {"name": "svi", "max_steps": 10}
    for table in ("guide", "inference"):
        assert merge({table: svi}, {table: {"name": "nuts"}}) == {table: {"name": "nuts"}}
        assert merge({table: svi}, {table: {"name": "svi", "draws": 5}}) == {table: svi | {"draws": 5}}
    encoder = {"name": "default", "pooling": "cls"}
    assert merge({"encoder": encoder}, {"encoder": {"name": "other"}}) == {"encoder": {"name": "other", "pooling": "cls"}}
    head = {"name": "linear", "hidden": [8]}
    assert merge({"reward_head": head}, {"reward_head": {"name": "mlp"}}) == {"reward_head": {"name": "mlp", "hidden": [8]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=1.5", 1.5),
        ("a=1e-3", 1e-3),
        ("a=true", True),
        ("a=[1, 2]", [1, 2]),
        ('a="x y"', "x y"),
        ("a=plain text", "plain text"),
        ("a=sentence-transformers/x", "sentence-transformers/x"),
        ('a={dist = "Beta", concentration1 = 2}', {"dist": "Beta", "concentration1": 2}),
        ("a=", ""),
        ("a==", "="),
    ],
)
def test_values_are_toml_where_they_parse_as_such(text: str, value: Any) -> None:
    assert parse_assignment(text) == {"a": value}


def test_dots_make_tables() -> None:
    assert parse_assignment(" model.priors . weights.dist=Horseshoe") == {"model": {"priors": {"weights": {"dist": "Horseshoe"}}}}


def test_a_value_at_a_place() -> None:
    assert nested(["a"], 1) == {"a": 1}
    assert nested(["a", "b", "c"], {}) == {"a": {"b": {"c": {}}}}


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", ".a=1", ""])
def test_what_is_no_assignment(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--set .*found no KEY=VALUE\n.*--set model"):
        parse_assignment(text)


def test_toml_files(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[encoder]\nname = "é"\n', encoding="utf-8")
    assert read_toml(str(path)) == {"encoder": {"name": "é"}}
    for content, message in ((b"a = \n", "not TOML: .*line 1"), (b"a = '\xe9'\n", "not UTF-8 text")):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"--config .*c\.toml: {message}"):
            read_toml(str(path))
    for wrong in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"--config .*\n  fix: name a TOML file"):
            read_toml(str(wrong))
