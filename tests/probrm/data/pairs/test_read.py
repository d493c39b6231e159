from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import Pairs, PairSpec, read_pairs

N = 30
Write = Callable[..., str]


def native(**changed: Any) -> dict[str, Any]:
    columns = {
        "prompt": [f"What is {i // 3} + 1?" for i in range(N)],
        "chosen": [f"It is {i // 3 + 1}, said {i}." for i in range(N)],
        "rejected": [f"It is 77, said {i}." for i in range(N)],
        **changed,
    }
    return {name: values for name, values in columns.items() if values is not None}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(columns: dict[str, Any], name: str = "pairs.parquet") -> str:
        frame, path = pd.DataFrame(columns), tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        elif name.endswith(".csv"):
            frame.to_csv(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True)
        return str(path)

    return save


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv", "pairs.jsonl"])
def test_every_column_of_the_native_form(write: Write, name: str):
    extra = {
        "margin": [i / 10 for i in range(N)],
        "weight": [1.0 + i for i in range(N)],
        "user_id": [f"{i % 4:03d}" for i in range(N)],
        "subset": ["easy" if i % 2 else None for i in range(N)],
        "id": [f"p{i}" for i in range(N)],
        "chosen_clarity": [float(i % 5) for i in range(N)],
        "rejected_clarity": [None if i == 2 else 1.5 for i in range(N)],
        "chosen_depth": [i % 4 for i in range(N)],
        "rejected_depth": [i % 3 for i in range(N)],
        "chosen_n_tokens": [i % 5 for i in range(N)],
        "rejected_n_tokens": [i % 3 for i in range(N)],
        "chosen_model": ["7" if i == 3 else "m" for i in range(N)],
        "rejected_model": ["8" if i == 4 else "n" for i in range(N)],
    }
    columns = native(**extra)
    pairs = read_pairs(write(columns, name))
    assert [c.prompt for c in pairs.chosen] == columns["prompt"] == [r.prompt for r in pairs.rejected]
    assert [c.response for c in pairs.chosen] == columns["chosen"]
    assert [r.response for r in pairs.rejected] == columns["rejected"]
    assert pairs.margin is not None
    assert pairs.user is not None
    assert pairs.subset is not None
    assert pairs.chosen_scores is not None
    assert pairs.rejected_scores is not None
    np.testing.assert_allclose(pairs.margin, extra["margin"], rtol=1e-6)
    np.testing.assert_allclose(pairs.weight, extra["weight"])
    assert pairs.user.tolist() == extra["user_id"]
    assert pairs.subset.tolist() == ["easy" if i % 2 else "(missing)" for i in range(N)]
    assert pairs.row_id.tolist() == extra["id"]
    assert pairs.rows.tolist() == list(range(N))
    assert pairs.attributes == ("clarity", "depth")
    np.testing.assert_allclose(pairs.chosen_scores, np.stack([extra["chosen_clarity"], extra["chosen_depth"]], 1))
    rejected = np.array(extra["rejected_clarity"], float)
    np.testing.assert_allclose(pairs.rejected_scores, np.stack([rejected, extra["rejected_depth"]], 1))
    assert (pairs.outcome == 1).all()
    for array in (pairs.outcome, pairs.weight, pairs.margin, pairs.chosen_scores, pairs.rejected_scores):
        assert array.dtype == np.float32
    assert pairs.rows.dtype == np.int64
    assert pairs.notes == [
        "read as pairs: prompt, chosen, rejected",
        "preferred: `chosen` over `rejected`; attributes: clarity, depth; ignored: chosen_n_tokens, rejected_n_tokens, chosen_model, rejected_model",
    ]


def test_only_texts(write: Write):
    pairs = read_pairs(write(native()))
    assert (pairs.margin, pairs.user, pairs.subset, pairs.chosen_scores, pairs.rejected_scores) == (None,) * 5
    assert pairs.attributes == ()
    assert pairs.row_id.tolist() == [str(i) for i in range(N)]
    assert (pairs.weight == 1).all()
    assert pairs.table.num_rows == len(pairs) == N


def test_renamed_columns_and_columns_that_are_switched_off(write: Write):
    columns = native(prompt=None, question=native()["prompt"], margin=[1.0] * N, best=native()["chosen"], chosen=["x"] * N)
    pairs = read_pairs(write(columns), PairSpec(columns={"prompt": "question", "chosen": "best", "margin": ""}))
    assert pairs.chosen[3].prompt == "What is 1 + 1?"
    assert pairs.chosen[3].response == "It is 2, said 3."
    assert pairs.margin is None


def test_attributes_in_the_order_that_is_asked_for(write: Write):
    marks = {f"{side}_{name}": [float((i * k) % 7) for i in range(N)] for k, name in enumerate("abc", 2) for side in ("chosen", "rejected")}
    marks["rejected_a"] = [9.0] * N
    pairs = read_pairs(write(native(**marks)), PairSpec(attributes=("c", "a")))
    assert pairs.attributes == ("c", "a")
    assert pairs.rejected_scores is not None
    assert pairs.rejected_scores[:, 1].tolist() == [9.0] * N


@pytest.mark.parametrize("names", [("chosen_score", "rejected_score"), ("score_chosen", "score_rejected")])
def test_overall_scores_make_the_margin_and_the_ties(write: Write, names: tuple[str, str]):
    scores = {names[0]: [5.0] * N, names[1]: [5.0 if i == 4 else None if i == 5 else 3.0 for i in range(N)]}
    path = write(native(**scores))
    pairs = read_pairs(path)
    assert pairs.notes[0].startswith("read as pairs" if names[0] == "chosen_score" else "read as ultrafeedback-binarized")
    assert pairs.attributes == ()
    assert 4 not in pairs.rows
    assert pairs.margin is not None
    assert np.isnan(pairs.margin[pairs.rows == 5]).all()
    assert (pairs.margin[pairs.rows != 5] == 2).all()
    assert any(note.startswith("dropped: 1 of 30 pairs are ties; to model them: --ties davidson") for note in pairs.notes)
    kept = read_pairs(path, PairSpec(ties="davidson"))
    assert kept.rows.tolist() == list(range(N))
    assert np.flatnonzero(kept.outcome == 0.5).tolist() == [4]
    assert "kept: 1 of 30 pairs are ties" in kept.notes


def test_a_margin_goes_before_scores_and_a_tie_column_before_both(write: Write):
    columns = native(margin=[0.5] * N, chosen_score=[1.0] * N, rejected_score=[1.0] * N, tie=[i == 7 for i in range(N)])
    pairs = read_pairs(write(columns))
    assert pairs.margin is not None
    assert (pairs.margin == 0.5).all()
    assert set(range(N)) - set(pairs.rows.tolist()) == {7}


def test_a_negative_margin_is_told(write: Write):
    pairs = read_pairs(write(native(margin=[-1.0] * 3 + [1.0] * (N - 3))))
    assert "the margin is negative in 3 of 30 pairs: there the chosen side has the lower score" in pairs.notes


def test_positions_stay_right_when_rows_are_dropped(write: Write):
    columns = native(id=[f"p{i}" for i in range(N)], margin=[float(i) for i in range(N)])
    columns["chosen"][3] = " "
    columns["rejected"][8] = columns["chosen"][8] + "\n"
    pairs = read_pairs(write(columns))
    assert pairs.rows.tolist() == [i for i in range(N) if i not in (3, 8)]
    assert pairs.row_id.tolist() == [f"p{i}" for i in pairs.rows]
    assert pairs.margin is not None
    assert pairs.margin.tolist() == pairs.rows.tolist()
    assert [c.response for c in pairs.chosen] == [columns["chosen"][i] for i in pairs.rows]
    assert [r.response for r in pairs.rejected] == [columns["rejected"][i] for i in pairs.rows]
    assert "dropped: 1 of 30 rows have an empty or non-text prompt, chosen or rejected side (the first is row 4)" in pairs.notes
    assert "dropped: 1 of 29 pairs have identical chosen and rejected sides (the first is row 9)" in pairs.notes


def test_numeric_text_counts_as_numbers(write: Write):
    marks = {"chosen_clarity": [f" {i % 5} " for i in range(N)], "rejected_clarity": ["N/A" if i == 1 else "1e0" for i in range(N)]}
    pairs = read_pairs(write(native(**marks)))
    assert pairs.rejected_scores is not None
    assert np.isnan(pairs.rejected_scores[:, 0]).tolist() == [i == 1 for i in range(N)]
    assert pairs.chosen_scores is not None
    assert pairs.chosen_scores[:, 0].tolist() == [i % 5 for i in range(N)]


def as_chat(prompt: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv", "pairs.jsonl"])
@pytest.mark.parametrize("form", ["explicit", "implicit", "mixed"])
def test_trls_chats(write: Write, name: str, form: str):
    texts = native()
    chats: dict[str, Any] = {
        side: [as_chat(*both) for both in zip(texts["prompt"], texts[side], strict=True)] for side in ("chosen", "rejected")
    }
    if form == "explicit":
        chats["prompt"] = [chat[:1] for chat in chats["chosen"]]
        chats |= {side: [chat[1:] for chat in chats[side]] for side in ("chosen", "rejected")}
    if form == "mixed":
        chats["prompt"] = texts["prompt"]
    if name.endswith(".csv"):
        chats = {key: [value if isinstance(value, str) else json.dumps(value) for value in values] for key, values in chats.items()}
    pairs = read_pairs(write(chats, name))
    plain = read_pairs(write(texts, "plain.parquet"))
    assert [c.prompt_text for c in pairs.chosen] == [c.prompt_text for c in plain.chosen]
    assert [c.response for c in pairs.chosen] == texts["chosen"]
    assert [r.response for r in pairs.rejected] == texts["rejected"]
    assert ("an implicit prompt" in pairs.notes[0]) == (form == "implicit")


def test_texts_in_some_rows_and_chats_in_others(write: Write, tmp_path: Path):
    texts = native()
    path = tmp_path / "mixed.jsonl"
    rows = [{key: texts[key][i] for key in texts} for i in range(N)]
    rows[2]["chosen"] = as_chat(texts["prompt"][2], "Two.")[1:]
    path.write_text("\n".join(map(json.dumps, rows)))
    pairs = read_pairs(str(path))
    assert pairs.chosen[2].response == "Two."
    assert len(pairs) == N


def test_anthropics_texts(write: Write):
    texts = native()
    columns = {
        s: [f"\n\nHuman: {p}\n\nAssistant: {a}" for p, a in zip(texts["prompt"], texts[s], strict=True)] for s in ("chosen", "rejected")
    }
    pairs = read_pairs(write(columns))
    assert [c.prompt_text for c in pairs.chosen] == texts["prompt"]
    assert [c.response for c in pairs.chosen] == texts["chosen"]


def test_plain_implicit_prompts_are_cut_when_trl_is_named(write: Write):
    texts = native()
    columns = {s: [f"{p} {a}" for p, a in zip(texts["prompt"], texts[s], strict=True)] for s in ("chosen", "rejected")}
    pairs = read_pairs(write(columns), PairSpec(preset="trl"))
    assert pairs.chosen[0].prompt == "What is 0 + 1? It is"
    assert pairs.chosen[0].response == " 1, said 0."
    assert pairs.notes[0] == "read as trl: an implicit prompt, chosen, rejected"


def test_take(write: Write):
    pairs = read_pairs(write(native(margin=[float(i) for i in range(N)])))
    for chosen in (np.array([4, 1]), np.arange(N) > 27):
        some: Pairs = pairs.take(chosen)
        expected = np.arange(N)[chosen]
        assert some.rows.tolist() == expected.tolist()
        assert some.chosen == [pairs.chosen[i] for i in expected]
        assert some.rejected == [pairs.rejected[i] for i in expected]
        assert some.margin is not None
        assert some.margin.tolist() == expected.tolist()
        assert some.user is None


def test_scoring_lets_pass_what_fitting_refuses(write: Write):
    columns = native(
        prompt=["Q"] * N,
        margin=["much"] * N,
        weight=[0] * N,
        id=["a"] * N,
        user_id=["ann"] * N,
        chosen_clarity=["4", "four", *["2"] * (N - 2)],
        rejected_clarity=[1] * N,
        chosen_depth=[1] * N,
        rejected_depth=[1] * N,
    )
    path = write(columns)
    pairs = read_pairs(path, fitting=False, min_pairs=1)
    assert len(pairs) == N
    assert pairs.margin is None
    assert (pairs.weight == 1).all()
    assert pairs.row_id.tolist() == [str(i) for i in range(N)]
    assert pairs.user is not None
    assert pairs.attributes == ("depth",)
    said = "\n".join(pairs.notes)
    assert "not used as margin: row 1, column 'margin': found 'much'; allowed: finite numbers, or missing" in said
    assert "not used as weight" in said
    assert "not used as id" in said
    assert "not used as attribute: row 2, column 'chosen_clarity': found 'four'" in said
    unknown = read_pairs(path, PairSpec(attributes=("depth", "wit")), fitting=False, min_pairs=1)
    assert unknown.attributes == ("depth",)
    assert any("there is no attribute 'wit'" in note for note in unknown.notes)


def test_a_single_pair_can_be_scored(write: Write):
    assert len(read_pairs(write({"prompt": ["Q"], "chosen": ["a"], "rejected": ["b"]}), fitting=False, min_pairs=1)) == 1
