"""``probrm rank`` on the saved runs and their store: no encoder is loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest

import probrm
from probrm.encoders import read_store
from tests.support import call, refused

SAVED = Path(__file__).parents[1] / "saved_runs"
STORE = str(SAVED / "store.safetensors")
LOG = str(SAVED / "log.parquet")


def ranked(kind: str, data: str, out: Path, *flags: str) -> tuple[Any, dict[str, Any]]:
    done = call("rank", str(SAVED / kind), "--data", data, "--embeddings", STORE, "--out", str(out), "--json", *flags)
    assert done.code == 0, done.err
    return pd.read_parquet(out), json.loads(done.out)


def shuffled(path: Path) -> str:
    cast("Any", pd.read_parquet(LOG)).sample(frac=1, random_state=0).to_parquet(path, index=False)
    return str(path)


@pytest.mark.parametrize("kind", ["implicit", "naive", "sar-em", "bradley-terry", "vrm"])
def test_a_file_of_answers(kind: str, tmp_path: Path) -> None:
    table, found = ranked(kind, LOG, tmp_path / "ranked.parquet")
    source: Any = pd.read_parquet(LOG)
    pd.testing.assert_frame_equal(table[list(source.columns)], source)
    prompts = table.groupby("prompt")
    assert (found["prompts"], found["answers"], found["chosen"], found["abstained"], found["single"]) == (60, 120, 60, 0, 0)
    np.testing.assert_allclose(prompts["p_best"].sum(), 1, atol=1e-6)
    np.testing.assert_allclose(prompts["rank"].sum(), 3, atol=1e-5)
    np.testing.assert_allclose(prompts["advantage"].sum(), 0, atol=1e-4)
    assert (prompts["chosen"].sum() == 1).all()
    assert (table.loc[prompts["reward"].idxmax(), "chosen"] == 1).all()
    assert found["p_best"] == pytest.approx(table.loc[table["chosen"] == 1, "p_best"].mean(), abs=1e-6)
    assert found["regret"] == pytest.approx(prompts["regret"].first().mean(), abs=1e-6)


@pytest.mark.parametrize("kind", ["implicit", "bradley-terry"])
def test_the_order_of_the_rows_changes_nothing(kind: str, tmp_path: Path) -> None:
    keys = ["prompt", "response", "user_id", "hour"]
    one, _ = ranked(kind, LOG, tmp_path / "one.parquet")
    other, _ = ranked(kind, shuffled(tmp_path / "log.parquet"), tmp_path / "other.parquet")
    pd.testing.assert_frame_equal(one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True), atol=1e-5)


def test_lists_of_answers_are_written_one_a_row(tmp_path: Path) -> None:
    source: Any = pd.read_parquet(LOG)
    lists = source.groupby("prompt", sort=False)["response"].apply(list).rename("responses").reset_index()
    lists.to_parquet(tmp_path / "lists.parquet")
    table, found = ranked("implicit", str(tmp_path / "lists.parquet"), tmp_path / "a.parquet")
    rows, _ = ranked("implicit", LOG, tmp_path / "b.parquet")
    assert "60 rows with lists of answers (responses) make 120 answers, one a row" in found["notes"]
    keys = ["prompt", "response"]
    both = [frame.sort_values(keys, ignore_index=True)[[*keys, "p_best", "rank", "chosen"]] for frame in (table, rows)]
    pd.testing.assert_frame_equal(*both)
    scored = call(
        "score", str(SAVED / "implicit"), "--data", str(tmp_path / "lists.parquet"), "--embeddings", STORE, "--out", f"{tmp_path}/s.csv"
    )
    assert (scored.code, len(pyarrow.csv.read_csv(tmp_path / "s.csv"))) == (0, 120)


def test_abstention_and_single_answers(tmp_path: Path) -> None:
    source: Any = pd.read_parquet(LOG)
    source.drop(source.index[source["prompt"] == source["prompt"][0]][1:]).to_parquet(tmp_path / "log.parquet", index=False)
    table, found = ranked("vrm", str(tmp_path / "log.parquet"), tmp_path / "a.parquet", "--abstain", "0.2", "--risk", "lower")
    assert found["single"] == 1
    assert any("1 of 60 prompts have one answer" in note for note in found["notes"])
    assert table.loc[0, ["p_best", "chosen"]].isna().all()
    several = table[table["p_best"].notna()]
    chosen = several.groupby("prompt")["chosen"].sum()
    assert set(chosen) == {0.0, 1.0}
    assert (found["chosen"], found["abstained"]) == ((chosen == 1).sum(), (chosen == 0).sum())
    assert (several.loc[several["chosen"] == 1, "p_best"] >= 0.8 - 1e-6).all()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--risk", "best"), ("--risk best", "mean, lower")),
        (("--abstain", "2"), ("--abstain 2.0", "from 0 to 1")),
        (("--abstain", "nan"), ("--abstain nan", "from 0 to 1")),
    ],
)
def test_wrong_flags(flags: Sequence[str], named: Sequence[str]) -> None:
    refused(call("rank", str(SAVED / "implicit"), "--data", LOG, *flags), *named)


@pytest.mark.parametrize("kind", ["implicit", "bradley-terry"])
def test_files_that_hold_nothing_to_choose_from(kind: str, tmp_path: Path) -> None:
    pairs = str(SAVED / "pairs.parquet")
    refused(call("rank", str(SAVED / kind), "--data", pairs, "--embeddings", STORE), pairs, "it holds pairs", "probrm score")
    single = tmp_path / "single.parquet"
    cast("Any", pd.read_parquet(LOG)).drop_duplicates("prompt").to_parquet(single, index=False)
    refused(
        call("rank", str(SAVED / kind), "--data", str(single), "--embeddings", STORE), str(single), "none of its 60 prompts has two answers"
    )


def test_what_a_person_sees() -> None:
    done = call("rank", str(SAVED / "implicit"), "--data", LOG, "--embeddings", STORE)
    assert done.code == 0
    assert "50 more prompts: --out FILE has all" in done.out
    assert "60 prompts with 120 answers: 60 choices, which are the best with" in done.out


def test_in_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same texts through ``best_of_n``, with the store in place of the encoder."""
    run, rows = probrm.load(SAVED / "implicit"), cast("Any", pd.read_parquet(LOG))
    monkeypatch.setattr("probrm.recipes.encoding.vectors_now", lambda run, texts, progress: read_store(STORE).encode(texts))
    one = rows[rows["prompt"] == rows["prompt"][0]]
    found = run.best_of_n(one["prompt"].iloc[0], list(one["response"]))
    table, _ = ranked("implicit", LOG, tmp_path / "a.parquet")
    same = table[table["prompt"] == rows["prompt"][0]]
    np.testing.assert_allclose(found.p_best, same["p_best"], atol=1e-6)
    assert same["chosen"].iloc[found.chosen] == 1
