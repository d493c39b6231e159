"""The same log in every product's form is the same log once it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.data import Log, LogSpec, read_log
from probrm.data.products.registry import PRODUCTS, recognise
from tests import products

LOG = products.synthetic_log()


def spec(name: str, folder: Path, **more: Any) -> LogSpec:
    """LiteLLM alone needs to be told where the feedback is."""
    joined = {"feedback": str(folder / "feedback.csv"), "on": "request_id"} if name == "litellm" else {}
    return LogSpec(**joined, **more)


def truth(log: Log) -> list[tuple[Any, ...]]:
    """What must come out of each, in the order of the prompts' numbers."""
    assert log.actions is not None
    up, down = log.actions["thumb:up"], log.actions["thumb:down"]
    rows = [(c.prompt_text, c.response, float(u), float(d)) for c, u, d in zip(log.conversations, up, down, strict=True)]
    return sorted(rows, key=lambda row: int(row[0].split()[2]))


EXPECTED = [(one.prompt, one.response, float(one.thumb == 1), float(one.thumb == -1)) for one in LOG]


@pytest.mark.parametrize("named", [False, True], ids=["recognised", "named"])
@pytest.mark.parametrize("name", products.RENDER)
def test_the_same_exposures_actions_and_texts(name: str, named: bool, tmp_path: Path) -> None:
    source, preset = products.RENDER[name](LOG, tmp_path), name.split()[0]
    log = read_log(source, spec(name, tmp_path, **({"preset": preset} if named else {})))
    if log.actions is not None and "feedback:up" in log.actions:
        log.actions.update({"thumb:up": log.actions["feedback:up"], "thumb:down": log.actions["feedback:down"]})
    if name == "openwebui-feedback":  # of chats without a rating there is nothing
        rated = {one.session for i in range(0, 60, 3) for one in LOG[i : i + 3] if any(other.thumb for other in LOG[i : i + 3])}
        assert truth(log) == [row for row, one in zip(EXPECTED, LOG, strict=True) if one.session in rated]
    else:
        assert truth(log) == EXPECTED
    assert log.exposures is not None
    assert log.exposures.verdict == ("selected" if name == "openwebui-feedback" else "complete")
    assert f"(--preset {preset})" in log.notes[0]
    assert ("name the columns of the texts to read it as a plain table" in log.notes[0]) != named
    if name != "openwebui-feedback":
        assert log.user is not None
        by_prompt = {c.prompt_text: user for c, user in zip(log.conversations, log.user, strict=True)}
        assert [by_prompt[one.prompt] for one in LOG] == [one.user for one in LOG]


@pytest.mark.parametrize("name", products.RENDER)
def test_each_is_recognised_as_itself_alone(name: str, tmp_path: Path) -> None:
    found = recognise(products.RENDER[name](LOG, tmp_path))
    assert found is not None
    assert found.name == name.split()[0]


def test_every_product_is_rendered_or_annotated() -> None:
    assert {name.split()[0] for name in products.RENDER} | {"argilla", "label-studio"} == set(PRODUCTS)


@pytest.mark.parametrize("name", ["log.jsonl", "log.parquet", "log.csv", "log.json"])
def test_a_plain_table_is_no_product(name: str, tmp_path: Path) -> None:
    write = {"jsonl": products.lines, "parquet": products.parquet, "csv": products.as_csv, "json": products.listed}[name.split(".")[1]]
    path = write(tmp_path / name, products.plain(LOG))
    assert recognise(path) is None
    assert truth(read_log(path, LogSpec(actions=("thumb",)))) == EXPECTED


def test_a_source_that_is_not_there_is_no_product() -> None:
    assert recognise("no-such-file.jsonl") is None
    assert recognise("owner/name") is None


def test_who_names_the_texts_reads_a_table(tmp_path: Path) -> None:
    path = products.anythingllm(LOG, tmp_path)
    columns = {"prompt": "prompt", "response": "response", "action": "feedbackScore"}
    log = read_log(path, LogSpec(columns=columns, values={"true": 1, "false": 0, "null": 0}))
    assert log.action is not None
    assert log.action.tolist() == [float(one.thumb == 1) for one in LOG]


@pytest.mark.parametrize("name", ["librechat", "anythingllm", "openwebui-chats", "helicone"])
def test_a_model_of_one_action_sees_thumbs_up(name: str, tmp_path: Path) -> None:
    log = read_log(products.RENDER[name](LOG, tmp_path), several=False)
    assert log.actions is None
    assert log.action is not None
    assert sorted(log.action.tolist()) == sorted(float(one.thumb == 1) for one in LOG)
    assert any("thumbs down count as no action" in note for note in log.notes)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("librechat", "feedback.rating"),
        ("anythingllm", "feedbackScore"),
        ("langsmith", "feedback_stats.thumb.avg"),
        ("openwebui-feedback", "data.rating"),
    ],
)
def test_the_exports_own_name_of_the_feedback(name: str, column: str, tmp_path: Path) -> None:
    log = read_log(products.RENDER[name](LOG, tmp_path), LogSpec(columns={"action": column}))
    assert list(log.actions or {}) == ["thumb:up", "thumb:down"]
    other = read_log(products.RENDER[name](LOG, tmp_path), LogSpec(actions=(f"-{column}:thumb",)))
    assert [spec.against for spec in other.action_specs] == [True, False]
    codes = {"label:-1": 0, "label:0": None}
    labelled = read_log(
        products.RENDER[name](LOG, tmp_path), LogSpec(columns={"label": column}, values=codes), require=("label",), min_rows=1
    )
    assert labelled.label is not None
    assert sorted(set(labelled.label[~np.isnan(labelled.label)])) == [0, 1]


def test_feedback_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    from probrm.errors import DataError

    with pytest.raises(DataError) as caught:
        read_log(products.librechat(LOG, tmp_path), LogSpec(columns={"action": "thmub"}))
    assert "there is no feedback 'thmub'; found: thumb" in caught.value.what


def test_a_preset_of_another_product(tmp_path: Path) -> None:
    from probrm.errors import DataError

    with pytest.raises(DataError, match="it is named as Helicone requests, and looks like LibreChat messages"):
        read_log(products.librechat(LOG, tmp_path), LogSpec(preset="helicone"))


def test_a_broken_export(tmp_path: Path) -> None:
    from probrm.errors import DataError

    path = Path(products.librechat(LOG, tmp_path))
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match=r"messages.jsonl, line 120: broken JSON"):
        read_log(str(path))


def test_values_may_be_said_to_mean_something_else(tmp_path: Path) -> None:
    rows = json.loads(Path(products.anythingllm(LOG, tmp_path)).read_text())
    for row in rows:
        row["feedbackScore"] = {True: "ace", False: "poor"}.get(row["feedbackScore"])
    path = products.listed(tmp_path / "words.json", rows)
    from probrm.errors import DataError

    with pytest.raises(DataError, match="feedback 'thumb': found 'ace'") as caught:
        read_log(path)
    assert "--values ace=1" in caught.value.fix
    assert truth(read_log(path, LogSpec(values={"ace": 1, "poor": -1}))) == EXPECTED


def test_a_log_with_its_own_columns_is_that_log(tmp_path: Path) -> None:
    rows = [
        {
            "id": one.id,
            "prompt": one.prompt,
            "response": one.response,
            "action": int(one.thumb == 1),
            "inputs": {},
            "outputs": {},
            "run_type": "llm",
        }
        for one in LOG
    ]
    log = read_log(products.lines(tmp_path / "log.jsonl", rows))
    assert log.action is not None
    assert log.action.tolist() == [float(one.thumb == 1) for one in LOG]
