from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from probrm.data import FeatureMap, LogSpec, read_log, split_rows
from probrm.errors import DataError

PRESET = LogSpec(preset="realhumaneval")


def published(rows: dict[str, list[Any]]) -> dict[str, Any]:
    """The same rows in the published form."""
    return {
        **dict.fromkeys(rows),
        "request": [repr([{"role": "assistant", "content": "?"}, {"content": f"it's {p}", "role": "user"}]) for p in rows["prompt"]],
        "response": [f"```\n{r}\n```" if i % 2 else r for i, r in enumerate(rows["response"])],
        "copy_events": [repr([{"type": "copy_button"}] * (2 * a)) for a in rows["action"]],
        "programmer_id": [i % 5 for i in range(60)],
        "logprobs": ["{}"] * 60,
    }


@pytest.mark.parametrize("name", ["chat.csv", "chat.parquet"])
def test_the_published_form(save: Callable[..., str], rows: dict[str, list[Any]], name: str):
    log = read_log(save(name, **published(rows)), PRESET)
    assert [c.prompt for c in log.conversations] == [f"it's {p}" for p in rows["prompt"]]
    assert log.action is not None
    assert log.action.tolist() == rows["action"]
    assert log.user is not None
    assert log.user[:3].tolist() == ["0", "1", "2"]
    assert log.propensity["code_block"].tolist() == [False, True] * 30
    assert log.notes == ["ignored columns: logprobs; name them with --propensity-features or --reward-features to use them"]


def test_what_is_named_goes_before_the_preset(save: Callable[..., str], rows: dict[str, list[Any]]):
    path = save(**published(rows), other=[1, 0] * 30)
    log = read_log(path, LogSpec(preset="realhumaneval", columns={"action": "other", "user_id": ""}))
    assert log.action is not None
    assert log.action.tolist() == [1, 0] * 30
    assert log.user is None


def test_the_tidy_form(save: Callable[..., str], rows: dict[str, list[Any]]):
    log = read_log(save(action=None, copied=rows["action"]), PRESET)
    assert log.action is not None
    assert log.action.tolist() == rows["action"]


def test_without_copy_events_it_can_be_scored_not_fitted(save: Callable[..., str], rows: dict[str, list[Any]]):
    path = save(**{**published(rows), "copy_events": None})
    assert read_log(path, PRESET, require=()).action is None
    with pytest.raises(DataError, match="there is no column 'action'"):
        read_log(path, PRESET)


@pytest.mark.parametrize("cell", ["[{'role': 'user', 'cont", "5", "__import__('os')", "[" * 5_000])
@pytest.mark.parametrize("column", ["request", "copy_events"])
def test_a_cell_that_is_no_list(save: Callable[..., str], rows: dict[str, list[Any]], cell: str, column: str):
    chat = published(rows)
    chat[column][2] = cell
    with pytest.raises(DataError, match=f"row 3, column '{column}': found .*; allowed: a list as Python writes it"):
        read_log(save(**chat), PRESET)


def test_another_log_under_this_preset(save: Callable[..., str], rows: dict[str, list[Any]]):
    with pytest.raises(DataError, match="not the RealHumanEval chat log"):
        read_log(save(prompt=None, question=rows["prompt"]), PRESET)


# The published files themselves


def test_the_published_csv_and_the_tidy_view_are_the_same_log(realhumaneval: Path):
    csv = read_log(str(realhumaneval / "chat_data.csv"), PRESET)
    tidy = read_log(str(realhumaneval / "logs.parquet"), PRESET)
    assert csv.table.num_rows == 1055
    assert len(csv) == 1053
    assert csv.notes[0] == "dropped: 2 of 1055 rows have an empty or non-text prompt or response (the first is row 21)"
    copied = pq.read_table(realhumaneval / "logs.parquet")["copied"].to_numpy()
    assert copied.mean() == pytest.approx(0.343, abs=5e-4)
    assert csv.action is not None
    np.testing.assert_array_equal(csv.action, copied[csv.rows])
    assert csv.conversations == tidy.conversations
    assert csv.user is not None
    assert tidy.user is not None
    assert csv.user.tolist() == tidy.user.tolist()
    assert len(set(csv.user)) == 107
    np.testing.assert_array_equal(csv.propensity, tidy.propensity)
    block = csv.propensity["code_block"].to_numpy()
    assert csv.action[block].mean() == pytest.approx(0.38, abs=0.01)
    assert csv.action[~block].mean() == pytest.approx(0.02, abs=0.01)


def test_every_copy_event_of_the_published_csv_counts(realhumaneval: Path):
    # With empty prompts filled in, no row is dropped and the actions are the tidy view's, row by row.
    from probrm.data import read_table
    from probrm.data.logs.presets import read_realhumaneval

    table = read_table(str(realhumaneval / "chat_data.csv"))
    action = read_realhumaneval(table, "chat_data.csv")["action"].values.to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(action, pq.read_table(realhumaneval / "logs.parquet")["copied"].to_numpy())
    assert len(action) == 1055


def test_covariates_and_split_of_the_real_log(realhumaneval: Path):
    spec = LogSpec({"action": "copied"}, propensity_features=("model",), derive=("length", "code_block", "list", "question"))
    log = read_log(str(realhumaneval / "logs.parquet"), spec)
    features = FeatureMap.fit(log.propensity)
    assert features.names[:3] == ("model[CodeLlama34b (chat)]", "model[CodeLlama7b (chat)]", "model[GPT-4o (chat)]")
    assert features.transform(log.propensity).shape == (1053, 7)
    assert log.user is not None
    prompts = [c.prompt_text for c in log.conversations]
    split = split_rows(prompts, list(log.user), seed=0)
    assert len({*log.user[split.train]}) <= 96
    assert 0.1 < len(split.held_out) / 1053 < 0.35
