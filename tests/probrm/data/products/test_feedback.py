"""Kinds of feedback, and values that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from probrm.data import LogSpec, read_log
from probrm.data.products.contents import text_or_none
from tests import products
from tests.product_support import LOG, refused, write_langfuse


def test_several_kinds_of_feedback_must_be_chosen_from(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)[:-1]
    copied = [{**row, "id": f"c{i}", "name": "copied", "value": 1.0} for i, row in enumerate(scores)]
    source = write_langfuse(tmp_path, products.langfuse_observations(LOG), [*scores, *copied])
    error = refused(source)
    assert "there are 2 kinds of feedback: thumb (thumb), copied (binary)" in error.what
    assert "--actions thumb:thumb,copied:binary" in error.fix
    assert "--actions" not in refused(source, several=False).fix
    log = read_log(source, LogSpec(columns={"action": "copied"}))
    assert log.action is not None
    assert log.action.tolist() == [float(bool(one.thumb)) for one in LOG]
    assert list(read_log(source, LogSpec(actions=("thumb:thumb", "copied"))).actions or {}) == ["thumb:up", "thumb:down", "copied"]


def test_words_beside_the_feedback_that_is_named(tmp_path: Path) -> None:
    """A topic or a comment is no action, and does not hinder reading one; which is meant is asked."""
    scores = products.langfuse_scores(LOG)[:-1]
    topic = {"name": "topic", "value": None, "data_type": "CATEGORICAL", "string_value": "math"}
    source = write_langfuse(
        tmp_path, products.langfuse_observations(LOG), [*scores, *({**row, "id": f"c{i}", **topic} for i, row in enumerate(scores))]
    )
    error = refused(source)
    assert "feedback 'topic': found 'math'" in error.what
    assert error.fix.endswith("or name another kind of feedback: --columns action=thumb")
    log = read_log(source, LogSpec(columns={"action": "thumb"}))
    assert "left out: feedback 'topic', which is no action (found 'math')" in log.notes
    assert (log.actions or {})["thumb:up"].tolist() == [float(one.thumb == 1) for one in LOG]
    assert "found 'math'" in refused(source, LogSpec(columns={"action": "topic"})).what


@pytest.mark.parametrize(("value", "text"), [(None, None), ("", None), (float("nan"), None), ("u1", "u1"), (7, "7"), (0, "0")])
def test_a_value_that_says_nothing_is_no_text(value: object, text: str | None) -> None:
    """A user called "nan" would be one for all rows without a user."""
    assert text_or_none(value) == text
