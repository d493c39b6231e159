"""The exposure audit: whether a log holds the answers that nobody acted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import DataError

Save = Callable[..., str]


def verdict(path: str, **spec: Any) -> str:
    found = read_log(path, LogSpec(**spec)).exposures
    assert found is not None
    assert found.sentence.startswith(f"exposures: {found.verdict}: ")
    assert bool(found.advice) == (found.verdict != "complete")
    return found.verdict


def test_a_log_of_all_answers_is_complete(save: Save) -> None:
    found = read_log(save()).exposures
    assert found is not None
    assert found.to_dict() == {"verdict": "complete", "rows": 60, "acted": 20, "why": "", "advice": ""}
    assert read_log(save(), require=()).exposures is None


@pytest.mark.parametrize("thumbs", [[1, -1], [-1, 1, 1]])
def test_acted_on_rows_alone_are_refused(save: Save, thumbs: list[int]) -> None:
    with pytest.raises(DataError) as caught:
        read_log(save(thumb=(thumbs * 60)[:60]), LogSpec(actions=("thumb",)))
    assert "exposures: none: all 60 rows have an action" in caught.value.what
    assert "--columns label=NAME" in caught.value.fix


def test_durations_and_ratings_in_every_row_are_no_such_log(save: Save) -> None:
    assert verdict(save(dwell=[1.0, 2.0] * 30), actions=("dwell:log-normal",)) == "complete"
    assert verdict(save(stars=[1, 2, 5] * 20), actions=("stars:ordinal",)) == "complete"


def test_exactly_a_page_is_likely_cut_off(save: Save, rows: dict[str, list[Any]]) -> None:
    for n, found in ((1000, "truncated"), (999, "complete")):
        assert verdict(save(**{name: (values * 17)[:n] for name, values in rows.items()})) == found
    thousand = {name: (values * 17)[:1000] for name, values in rows.items()}
    assert verdict(save(**thousand, true_probability=[0.5] * 1000)) == "complete"  # a simulated log


@pytest.mark.parametrize("name", ["annotator", "completed_by", "worker_id"])
def test_users_who_label(save: Save, rows: dict[str, list[Any]], name: str) -> None:
    path = save(user_id=None, **{name: rows["user_id"]})
    assert verdict(path, columns={"user_id": name}) == "annotators"
