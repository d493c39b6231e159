"""What the reader of Langfuse leaves out, refuses or says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.data import LogSpec, read_log
from probrm.data.products.contents import dig
from probrm.data.products.langfuse_files import open_export
from probrm.data.products.langfuse_spans import read_spans
from tests import products
from tests.product_support import LOG, refused, write_langfuse
from tests.products import lines


def test_langfuse_says_what_it_left_out_and_counted_once(tmp_path: Path) -> None:
    notes = read_log(products.langfuse(LOG, tmp_path)).notes
    assert "dropped: 1 rows of observations_v2 are written twice (edges of the export's windows)" in notes
    assert "left out: 1 scores by evaluators (source EVAL: hallucination); name them to use them" in notes


def test_langfuse_scores_by_evaluators_when_they_are_named(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)
    judge = [{**scores[-1], "id": f"j{one.id}", "trace_id": f"t{one.id}", "value": float(i % 3)} for i, one in enumerate(LOG)]
    source = write_langfuse(tmp_path, products.langfuse_observations(LOG), [*scores[:-1], *judge])
    log = read_log(source, LogSpec(actions=("thumb:thumb", "hallucination:ordinal")))
    assert log.actions is not None
    assert log.actions["hallucination"].tolist() == [float(i % 3) for i in range(60)]
    assert list(read_log(source).actions or {}) == ["thumb:up", "thumb:down"]


def test_langfuse_without_texts_is_refused(tmp_path: Path) -> None:
    bare = [{k: v for k, v in row.items() if k not in ("input", "output")} for row in products.langfuse_observations(LOG)]
    error = refused(write_langfuse(tmp_path, bare, products.langfuse_scores(LOG)))
    assert "the observations have no texts" in error.what
    assert "io" in error.fix


def test_langfuse_of_which_a_file_is_missing(tmp_path: Path) -> None:
    source = products.langfuse(LOG, tmp_path)
    next(Path(source).glob("observations_v2/*-30-00.jsonl")).unlink()
    assert "observations_v2/2026-11-01T00-30-00.jsonl, which is not there: the export is incomplete" in refused(source).what


def test_langfuse_scores_alone_are_no_log(tmp_path: Path) -> None:
    error = refused(lines(tmp_path / "scores.jsonl", products.langfuse_scores(LOG)))
    assert "no observations or traces" in error.what


def test_langfuse_scores_of_another_project(tmp_path: Path) -> None:
    other = [{**row, "trace_id": f"x{row['trace_id']}"} for row in products.langfuse_scores(LOG)]
    assert "none of the" in refused(write_langfuse(tmp_path, products.langfuse_observations(LOG), other)).what


def test_langfuse_joins_by_observation_then_trace_then_session(tmp_path: Path) -> None:
    first = products.langfuse_scores(LOG)[0] | {"value": 1.0}
    scores = [
        {**first, "id": "a", "observation_id": "om1", "trace_id": "tm1"},
        {**first, "id": "b", "trace_id": "tm2"},
        {**first, "id": "c", "trace_id": None, "session_id": "c3"},
    ]
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), scores))
    assert log.action is not None
    assert np.flatnonzero(log.action).tolist() == [1, 2, 3]


def test_langfuse_a_score_of_a_generation_makes_generations_the_answers(tmp_path: Path) -> None:
    score = products.langfuse_scores(LOG)[0] | {"value": 1.0, "observation_id": "gm1", "trace_id": "tm1"}
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), [score]))
    assert log.action is not None
    assert np.flatnonzero(log.action).tolist() == [1]
    assert log.conversations[1].prompt == (("system", "Be brief."), ("user", LOG[1].prompt))


def test_langfuse_the_last_score_of_an_answer_counts(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)
    again = {**scores[0], "id": "again", "value": 0.0, "timestamp": "2026-12-01T00:00:00Z"}
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), [again, *scores]))
    assert log.actions is not None
    assert log.actions["thumb:down"][0] == 1
    assert log.actions["thumb:up"][0] == 0


def test_langfuse_one_page_of_the_api_is_cut_off(tmp_path: Path) -> None:
    source = products.langfuse_v3(LOG, tmp_path)
    page = Path(source) / "scores" / "page.json"
    page.write_text(json.dumps({**json.loads(page.read_text()), "meta": {"cursor": "next"}}))
    found = read_log(source).exposures
    assert found is not None
    assert found.verdict == "truncated"


def test_langfuse_annotations_are_those_of_annotators(tmp_path: Path) -> None:
    scores = [{**row, "source": "ANNOTATION"} for row in products.langfuse_scores(LOG)[:-1]]
    found = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), scores)).exposures
    assert found is not None
    assert found.verdict == "annotators"


def test_langfuse_keeps_one_span_a_trace_unless_scores_name_generations(tmp_path: Path) -> None:
    """Tools, events and what is below a root are most of a large export."""
    tools = [{**row, "id": f"x{i}{row['id']}", "type": "TOOL", "is_root_observation": False} for row in rows() for i in range(3)]
    export = open_export(write_langfuse(tmp_path, [*tools, *rows()], products.langfuse_scores(LOG)), None)
    assert len(read_spans(export, (), "x").found) == len({row["trace_id"] for row in rows()})
    named = read_spans(export, {"gm1"}, "x")
    assert named.below
    assert named.traces == {"gm1": "tm1"}
    kinds = [span.kind for span in read_spans(export, {"gm1"}, "x", every=True).found.values()]
    assert set(kinds) > {"GENERATION"}
    assert "TOOL" not in kinds


def test_langfuse_a_span_that_is_written_again_with_an_error_is_no_answer(tmp_path: Path) -> None:
    root = next(row for row in rows() if row["id"] == "om1")
    source = write_langfuse(tmp_path, [row for row in rows() if row["id"] != "gm1"], products.langfuse_scores(LOG))
    lines(tmp_path / "observations_v2" / "b.jsonl", [{**root, "level": "ERROR"}])
    assert len(read_log(source)) == len(LOG) - 1


def rows() -> products.Rows:
    return products.langfuse_observations(LOG)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        lambda asked: {"args": [asked], "kwargs": {"model": "m"}},
        lambda asked: {"args": [], "kwargs": {"question": asked}},
        lambda asked: {"args": [{"messages": [{"role": "user", "content": asked}]}], "kwargs": {}},
    ],
)
def test_inputs_of_a_traced_function(call: Callable[[str], Any], as_text: bool, tmp_path: Path) -> None:
    """As the decorator of Langfuse's library writes them."""
    rows = products.langfuse_observations(LOG)
    usual = read_log(write_langfuse(tmp_path / "usual", rows, products.langfuse_scores(LOG)), require=())
    made = [{**row, "input": call(dig(row, "input", -1, "content"))} for row in rows]
    written = [{**row, "input": json.dumps(row["input"])} for row in made] if as_text else made
    log = read_log(write_langfuse(tmp_path / "traced", written, products.langfuse_scores(LOG)), require=())
    assert log.conversations == usual.conversations
