"""What is counted in a file, against what was put into it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from probrm.data import Conversation
from probrm.errors import DataError
from probrm.inspection import Inspection, inspect_file, likely_kinds
from probrm.inspection import tokens as module
from probrm.inspection.tokens import measured
from tests.pair_shapes import PAIRS, SHAPES, rows_of, write_rows
from tests.test_house import ROOT

Row = dict[str, Any]


def log(n: int = 60, **more: Any) -> list[Row]:
    return [
        {"prompt": f"Q{i % 20}", "response": f"one two {i}", "action": int(i % 3 == 0), "user_id": f"u{i % 4}"} | more for i in range(n)
    ]


def pairs(n: int = 40) -> list[Row]:
    return [{"prompt": f"Q{i}", "chosen": f"a longer answer {i}", "rejected": f"no {i}"} for i in range(n)]


def look(rows: list[Row], folder: Path, **settings: Any) -> Inspection:
    return inspect_file(write_rows(rows, folder / "file.jsonl"), settings)


def test_a_log(tmp_path: Path) -> None:
    rows = log()
    rows[1] = dict(rows[0])
    rows[2]["response"] = " "
    rows[3]["user_id"] = None
    found = look([row | {"label": i % 2 if i % 5 else None, "place": "x"} for i, row in enumerate(rows)], tmp_path)
    assert (found.kind, found.form, found.rows, found.used, found.ignored) == ("log", "", 60, 59, ["place"])
    assert found.actions[0] == {"column": "action", "kind": "binary", "against": False, "observed": 59, "taken": 21, "rate": 21 / 59}
    assert found.labels == {"good": 24, "bad": 23, "missing": 12}
    assert found.users == {"count": 4, "median": 14.0, "max": 16, "anonymous": 1}
    assert found.prompts == {"count": 20, "median": 3.0, "max": 4}
    assert found.duplicates == {"repeated": 1}
    assert found.lengths["response"]["words"] == {"median": 3.0, "p90": 3.0, "max": 3.0}
    assert found.dropped == ["dropped: 1 of 60 rows have an empty or non-text prompt or response (the first is row 3)"]
    assert found.warnings == ["action 'action': only 21 of 59 rows have it: intervals will be wide"]
    assert found.exposures is not None
    assert (found.exposures["verdict"], found.exposures["acted"]) == ("complete", 21)


def test_kinds_of_actions(tmp_path: Path) -> None:
    rows = [row | {"stars": i % 3 + 1, "dwell": 1.0 + i, "redone": int(i % 10 == 0)} for i, row in enumerate(log())]
    found = look(rows, tmp_path, actions=["stars:ordinal", "dwell:log-normal", "-redone"])
    stars, dwell, redone = found.actions
    assert stars["levels"] == {"1": 20, "2": 20, "3": 20}
    assert dwell["seconds"] == {"median": 30.5, "p90": pytest.approx(54.1), "max": 60.0}
    assert (redone["against"], redone["taken"]) == (True, 6)


def test_pairs(tmp_path: Path) -> None:
    rows = pairs()
    rows[1] = dict(rows[0])
    rows[2] = {"prompt": "Q0", "chosen": "no 0", "rejected": "a longer answer 0"}
    rows[3]["rejected"] = rows[3]["chosen"]
    found = look([row | {"chosen_helpfulness": 5 - i % 2, "rejected_helpfulness": 4} for i, row in enumerate(rows)], tmp_path)
    assert (found.kind, found.form, found.rows, found.used) == ("pairs", "trl", 40, 39)
    assert found.preferred == "`chosen` over `rejected`"
    assert found.duplicates == {"repeated": 1, "contradictory": 1}
    assert found.balance == {"ties": 0, "longer_preferred": pytest.approx(38 / 39), "first_preferred": None}
    assert found.attributes == [{"name": "helpfulness", "lower_is_better": False, "scored": 39, "agree": 20, "disagree": 0}]
    assert found.prompts["count"] == 37
    assert found.warnings == ["the longer response is preferred in 97% of the pairs: check that this is meant"]


def test_how_often_the_first_answer_is_preferred(tmp_path: Path) -> None:
    found = look(rows_of(SHAPES["a and b"]), tmp_path)
    assert found.balance is not None
    assert found.balance["first_preferred"] == pytest.approx(sum(t.better == 0 for t in PAIRS) / 30)


def test_what_to_look_at(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "user_id"} | {"label": 1} for row in log(1000)]
    told = "\n".join(look(rows, tmp_path).warnings)
    for text in ("exposures: truncated", "export without a limit", "no user is named", "all 1000 explicit labels are good"):
        assert text in told
    again = look([log()[i % 20] for i in range(60)], tmp_path)
    assert "40 of 60 rows repeat an earlier one" in again.warnings
    swapped = [
        row if i % 2 else {**row, "chosen": row["rejected"], "rejected": row["chosen"]} for i in range(40) for row in [pairs()[i // 2]]
    ]
    assert any(line.startswith("20 of 40 pairs are preferred once this way") for line in look(swapped, tmp_path).warnings)


def test_what_the_encoder_would_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = "word " * 400
    rows = [
        {"prompt": f"Q{i}", "chosen": f"{start}{i}" if i < 10 else "yes", "rejected": f"{start}no" if i < 10 else "no"} for i in range(40)
    ]
    found = look(rows, tmp_path)
    assert found.tokens is not None
    assert {key: found.tokens[key] for key in ("texts", "of", "cut", "same_sides", "max_length")} == {
        **{"texts": 80, "of": 80, "cut": 20, "same_sides": 10, "max_length": 256}
    }
    assert found.tokens["max"] == 405 + 1  # [CLS] Q 0 [SEP] word … 0 [SEP]
    assert any("25% of the texts are longer than the 256 tokens" in line for line in found.warnings)
    assert any(line.startswith("10 of 40 pairs are the same on both sides") and "dropped" in line for line in found.warnings)
    monkeypatch.setattr(module, "_CHARACTERS", 1000)
    some = measured([Conversation("Q", "word " * 20)] * 300)
    assert some is not None
    assert (some["texts"], some["of"], some["median"]) == (9, 300, 24.0)
    some = measured([Conversation("Q", "word " * 300), Conversation("Q", "word " * 20)])
    assert some is not None
    assert (some["texts"], some["of"], some["max"]) == (1, 2, 24.0)
    assert measured([Conversation("Q", "word " * 300)] * 3) == {**some, "texts": 0, "of": 3, "median": 0, "p90": 0, "max": 0}


def test_a_refusal_of_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no column 'prompt'; found: x, y; as preference pairs: there is no column 'chosen'\n"):
        look([{"x": "a", "y": "b"}] * 60, tmp_path)


def test_two_answers_and_a_choice_of_another_name(tmp_path: Path) -> None:
    """Not a log whose answer is one of the two."""
    with pytest.raises(
        DataError, match="and no column says which is preferred; found: prompt, response_a, response_b, a_is_better"
    ) as caught:
        look([{"prompt": f"Q{i}", "response_a": "a", "response_b": "b", "a_is_better": True} for i in range(60)], tmp_path)
    assert caught.value.fix == "name the column: --columns response_0=response_a,response_1=response_b,choice=NAME"


def test_read_as_the_other_kind_and_why(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i // 2}", "response": f"A{i}", "action": 0, "helpfulness": i % 2} for i in range(60)]
    assert likely_kinds(write_rows(rows, tmp_path / "file.jsonl"), {}) == ["log", "pairs"]
    found = look(rows, tmp_path)
    assert (found.kind, found.used) == ("pairs", 30)
    assert found.other.startswith("as a log of actions: column 'action': the action is 0 in all 60 rows")
    rated = [{key: value for key, value in row.items() if key != "action"} for row in rows]
    assert likely_kinds(write_rows(rated, tmp_path / "file.jsonl"), {}) == ["pairs", "log"]
    assert likely_kinds("owner/name", {"attributes": ["a"]}) == ["pairs"]


def test_pairs_of_a_saved_dataset(tmp_path: Path) -> None:
    Dataset.from_list(pairs()).save_to_disk(tmp_path / "saved")
    found = inspect_file(str(tmp_path / "saved"))
    assert (found.kind, found.used, found.other) == ("pairs", 40, "")


def test_every_field_is_explained_once() -> None:
    """In the docstring, and on the page."""
    names = [field.name for field in fields(Inspection)]
    assert re.findall(r"^        (\w+): ", str(Inspection.__doc__), re.MULTILINE) == names
    page = (ROOT / "docs" / "inspect.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {*names, "command"}


def told_of_covariates(found: Inspection) -> list[str]:
    return [line.rsplit(" ", 1)[1] for line in found.warnings if "--propensity-features" in line]


def test_unused_columns_that_may_be_covariates_are_named(tmp_path: Path) -> None:
    rows = [
        row
        | {"surface": ["web", "ide"][i % 2], "place": i % 3, "pinned": i % 4 == 0, "request": f"r{i}", "at": 1.5 * i, "true_surface": i % 2}
        | {"always": "x", "once": "y" if i == 7 else "z", "nested": {"a": i % 2}}
        for i, row in enumerate(log())
    ]
    assert told_of_covariates(look(rows, tmp_path)) == ["surface,place,pinned,nested.a"]
    assert told_of_covariates(look(rows, tmp_path, propensity_features=["surface"])) == []
    assert told_of_covariates(look(log(), tmp_path)) == []


def test_fields_of_nested_columns_may_be_covariates(tmp_path: Path) -> None:
    rows = [
        {"asked": {"question": row["prompt"]}, "client": {"user": row["user_id"], "surface": ["web", "ide"][i % 2], "id": f"c{i}"}}
        | {"response": row["response"], "action": row["action"]}
        for i, row in enumerate(log())
    ]
    columns = {"prompt": "asked.question", "user_id": "client.user"}
    found = look(rows, tmp_path, columns=columns)
    assert found.ignored == []
    assert told_of_covariates(found) == ["client.surface"]
    assert told_of_covariates(look(rows, tmp_path, columns=columns, propensity_features=["client.surface"])) == []
