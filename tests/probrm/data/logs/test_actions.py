"""Several actions a row: what can be said about them, what is read, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import LogSpec, read_log
from probrm.data.logs.actions import ActionSpec, parse_actions
from probrm.errors import ConfigError, DataError

Save = Callable[..., str]
ALL = ("copied", "-regenerated", "rating:ordinal", "dwell:log-normal")


@pytest.fixture
def several(save: Save) -> Callable[..., str]:
    """A log of 60 rows with one action of each kind and no column ``action``."""
    columns = {
        "action": None,
        "copied": [1, 0, None] * 20,
        "regenerated": [False, True, False] * 20,
        "rating": [5, 1, None, 3] * 15,
        "dwell": [0.5, 10.0, None, 2.5, 90.0] * 12,
    }

    def write(name: str = "log.parquet", **changed: Any) -> str:
        return save(name, **{**columns, **changed})

    return write


def refused(path: str, *actions: str, **spec: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_log(path, LogSpec(actions=actions, **spec))
    assert caught.value.what.startswith(path)
    assert "\n" not in caught.value.what + caught.value.fix
    return caught.value


def test_what_a_text_says() -> None:
    assert parse_actions(ALL) == (
        ActionSpec("copied"),
        ActionSpec("regenerated", against=True),
        ActionSpec("rating", "ordinal"),
        ActionSpec("dwell", "log-normal"),
    )
    assert parse_actions(["-edits:ordinal"]) == (ActionSpec("edits", "ordinal", against=True),)


@pytest.mark.parametrize(
    ("text", "says", "fix"),
    [
        ("rating:ordnal", "there is no kind of action 'ordnal'; allowed: [-]COLUMN[:KIND], KIND one of binary, ordinal", "'ordinal'"),
        ("rating:", "there is no kind of action ''", "write --actions"),
        (":ordinal", "it names no column", "write --actions"),
        ("-", "it names no column", "write --actions"),
    ],
)
def test_a_text_that_says_nothing(text: str, says: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LogSpec(actions=(text,))
    assert says in caught.value.what
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"actions": ("copied", "-copied")}, "'copied' is named twice"),
        ({"actions": ("copied",), "propensity_features": ("copied",)}, "'copied' is also one of the propensity features"),
        ({"actions": ("copied",), "reward_features": ("copied",)}, "'copied' is also one of the reward features"),
        ({"actions": ("rating:ordinal",), "columns": {"label": "rating"}}, "'rating' is also the column for 'label'"),
    ],
)
def test_a_column_has_one_part(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        LogSpec(**spec)


def test_the_spec_goes_through_json() -> None:
    spec = LogSpec(actions=ALL)
    assert LogSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    one = ActionSpec("rating", "ordinal", True, ("1", "2"), 0.5, 2.0)
    assert ActionSpec.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
def test_all_kinds_are_read(several: Save, name: str) -> None:
    log = read_log(several(name), LogSpec(actions=ALL))
    assert log.action is None
    assert log.actions is not None
    assert [v.dtype for v in log.actions.values()] == [np.float32] * 4
    np.testing.assert_array_equal(log.actions["copied"][:3], [1, 0, np.nan])
    np.testing.assert_array_equal(log.actions["regenerated"][:3], [0, 1, 0])
    np.testing.assert_array_equal(log.actions["rating"][:4], [2, 0, np.nan, 1])
    np.testing.assert_array_equal(log.actions["dwell"][:5], np.array([0.5, 10, np.nan, 2.5, 90], np.float32))
    assert log.action_specs[2].levels == ("1", "3", "5")
    assert "action 'copied': missing in 20 of 60 rows, read as not observed; where it means no action: --missing-action 0" in log.notes
    assert not any("dwell" in note for note in log.notes)


def test_a_native_action_beside_them_is_ignored_and_said_to_be(several: Save) -> None:
    log = read_log(several(action=[0, 1] * 30), LogSpec(actions=ALL))
    assert log.action is None
    assert any(note.startswith("ignored columns:") and "action" in note for note in log.notes)


def test_a_categorical_column_brings_its_order(several: Save) -> None:
    words = pd.Categorical(["kept", "edited", None, "thrown away"] * 15, ["thrown away", "edited", "kept", "framed"], ordered=True)
    log = read_log(several(rating=words), LogSpec(actions=("rating:ordinal",)))
    assert log.actions is not None
    np.testing.assert_array_equal(log.actions["rating"][:4], [2, 1, np.nan, 0])
    assert log.action_specs[0].levels == ("thrown away", "edited", "kept")  # only what occurs


def test_words_without_an_order(several: Save) -> None:
    words = pd.Categorical(["good", "bad"] * 30)
    for values in (words, ["good", "bad"] * 30):
        error = refused(several(rating=values), "rating:ordinal")
        assert "row 1, column 'rating': found 'good'" in error.what
        assert "categorical" in error.fix


@pytest.mark.parametrize(
    ("actions", "changed", "says"),
    [
        (("copid",), {}, "there is no column 'copid' (named with --actions)"),
        (("copied",), {"copied": [1, 2, 0] * 20}, "row 2, column 'copied': found 2; allowed: 0, 1, true, false, or missing"),
        (("copied",), {"copied": [1, None] * 30}, "column 'copied': it is 1 in all 30 rows that have it; an action must vary"),
        (("copied",), {"copied": [None] * 60}, "column 'copied': it is missing in every row"),
        (("rating:ordinal",), {"rating": [1.0, 2.5] * 30}, "row 2, column 'rating': found 2.5; allowed: integers, or missing"),
        (("rating:ordinal",), {"rating": list(range(60))}, "column 'rating': 60 levels; an ordinal action has at most 20"),
        (("rating:ordinal",), {"rating": [4] * 60}, "column 'rating': it is 4 in all 60 rows"),
        (("dwell:log-normal",), {"dwell": [1.0, 0.0, 3.0] * 20}, "row 2, column 'dwell': found 0; allowed: positive seconds, or missing"),
        (("dwell:log-normal",), {"dwell": [1.0, -2.0] * 30}, "row 2, column 'dwell': found -2; allowed: positive seconds"),
        (("dwell:log-normal",), {"dwell": ["1", "long"] * 30}, "row 2, column 'dwell': found 'long'; allowed: finite numbers"),
        (("dwell:log-normal",), {"dwell": [2.0] * 60}, "column 'dwell': it is 2 in all 60 rows"),
    ],
)
def test_bad_values(several: Save, actions: tuple[str, ...], changed: dict[str, Any], says: str) -> None:
    assert says in refused(several(**changed), *actions).what


def test_a_known_propensity(several: Save, save: Save) -> None:
    log = read_log(save(propensity=[0.2, None, 1.0] * 20))
    assert log.propensity_known is not None
    np.testing.assert_array_equal(log.propensity_known[:3], np.array([0.2, np.nan, 1], np.float32))
    assert read_log(save()).propensity_known is None
    assert read_log(save(propensity=[0.2] * 60), LogSpec(columns={"propensity": ""})).propensity_known is None
    assert read_log(save(propensity=[7.0] * 60), require=()).propensity_known is None  # a reward does not depend on it
    for value, shown in ((0.0, "0"), (1.5, "1.5"), (-0.1, "-0.1")):
        with pytest.raises(DataError, match=rf"row 1, column 'propensity': found {shown}; allowed: a probability in \(0, 1\], or missing"):
            read_log(save(propensity=[value, 0.5] * 30))
    assert "--actions names 4" in refused(several(propensity=[0.5] * 60), *ALL).what
    assert read_log(several(propensity=[0.5] * 60), LogSpec(actions=("-regenerated",))).propensity_known is not None
