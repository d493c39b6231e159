from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from probrm.data import LogSpec, read_log
from probrm.recipes.logs.scoring import without_actions
from tests import support


def test_what_is_read_of_a_file_that_is_scored() -> None:
    spec = LogSpec(
        columns={"prompt": "question", "action": "copied", "label": "good"},
        preset="realhumaneval",
        propensity_features=("surface",),
        reward_features=("hour",),
        derive=("length",),
    )
    plain = without_actions(spec)
    assert plain == replace(spec, columns=plain.columns, propensity_features=(), derive=())
    assert plain.columns["prompt"] == "question"
    assert "response" not in plain.columns  # by its own name, or not there where the prompt is a whole chat
    assert {name for name, column in plain.columns.items() if column == ""} >= {"action", "user_id", "label", "id", "weight", "shown"}
    assert without_actions(spec, "label").columns["label"] == "good"


@pytest.mark.parametrize("value", ["yes", 2, None])
def test_an_action_that_means_something_else_is_no_matter(value: object, tmp_path: Path) -> None:
    support.log_frame(60).assign(action=value).to_parquet(tmp_path / "t.parquet")
    log = read_log(str(tmp_path / "t.parquet"), without_actions(LogSpec()), require=())
    assert log.action is None
    assert log.notes == []
