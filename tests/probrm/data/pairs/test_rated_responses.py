from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import PairSpec, read_pairs
from probrm.errors import DataError

PROMPTS, EACH = 12, 3
N = PROMPTS * EACH


def rated(**changed: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    columns = {
        "prompt": [f"Q{i // EACH}" for i in range(N)],
        "response": [f"answer {i}" for i in range(N)],
        "helpfulness": rng.permutation(N) / 4,
        "correctness": rng.permutation(N) / 4,
        "model": ["m"] * N,
        "id": [f"r{i}" for i in range(N)],
        **changed,
    }
    return {name: values for name, values in columns.items() if values is not None}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def save(columns: dict[str, Any], name: str = "ratings.parquet") -> str:
        frame, path = pd.DataFrame(columns), tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        elif name.endswith(".csv"):
            frame.to_csv(path)  # with the index, as people leave it
        else:
            frame.to_json(path, orient="records", lines=True)
        return str(path)

    return save


@pytest.mark.parametrize("name", ["ratings.parquet", "ratings.csv", "ratings.jsonl"])
def test_all_pairs_within_a_prompt_by_the_mean_of_the_attributes(write: Callable[..., str], name: str):
    columns = rated()
    pairs = read_pairs(write(columns, name))
    assert pairs.notes[0] == "read as helpsteer: prompt, response"
    assert pairs.attributes == ("helpfulness", "correctness")
    marks = np.stack([columns["helpfulness"], columns["correctness"]], axis=1)
    mean = marks.mean(axis=1)
    expected = [
        (i, j) if mean[i] > mean[j] else (j, i)
        for start in range(0, N, EACH)
        for i, j in combinations(range(start, start + EACH), 2)
        if abs(mean[i] - mean[j]) > 1e-9
    ]
    assert pairs.row_id.tolist() == [f"r{i}>r{j}" for i, j in expected]
    assert pairs.rows.tolist() == [i for i, _ in expected]
    assert [c.response for c in pairs.chosen] == [f"answer {i}" for i, _ in expected]
    assert [r.response for r in pairs.rejected] == [f"answer {j}" for _, j in expected]
    assert all(c.prompt == r.prompt for c, r in zip(pairs.chosen, pairs.rejected, strict=True))
    assert pairs.margin is not None
    np.testing.assert_allclose(pairs.margin, [mean[i] - mean[j] for i, j in expected], rtol=1e-6)
    np.testing.assert_allclose(pairs.chosen_scores, marks[[i for i, _ in expected]], rtol=1e-6)  # type: ignore[arg-type]
    np.testing.assert_allclose(pairs.rejected_scores, marks[[j for _, j in expected]], rtol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["score", "rating", "overall", "overall_score", "verdict"])
def test_an_overall_rating_decides_and_is_no_attribute(write: Callable[..., str], name: str):
    overall = np.random.default_rng(5).permutation(N).astype(float)
    spec = PairSpec(columns={"overall": "verdict"} if name == "verdict" else {})
    pairs = read_pairs(write(rated(**{name: overall})), spec)
    assert pairs.attributes == ("helpfulness", "correctness")
    assert pairs.margin is not None
    chosen, rejected = (np.array([int(c.response.split()[1]) for c in side]) for side in (pairs.chosen, pairs.rejected))
    assert (overall[chosen] > overall[rejected]).all()
    np.testing.assert_allclose(pairs.margin, overall[chosen] - overall[rejected])
    assert len(pairs) == N


def test_an_overall_rating_that_is_switched_off(write: Callable[..., str]):
    columns = rated(score=np.arange(N))
    by_mean = read_pairs(write(rated()))
    pairs = read_pairs(write(columns), PairSpec(columns={"overall": ""}))
    assert pairs.row_id.tolist() == by_mean.row_id.tolist()


def test_an_overall_rating_that_is_empty_is_none(write: Callable[..., str]):
    assert read_pairs(write(rated(rating=[None] * N))).row_id.tolist() == read_pairs(write(rated())).row_id.tolist()


def test_ties_and_the_least_difference(write: Callable[..., str]):
    # Thirds, rounded as published ratings are: 0 to 1/3 is a difference of 0.25 or more, 4.66666667 and 14/3 are the same.
    score = np.tile([14 / 3, 4.66666667, 4.33333333], PROMPTS)
    columns = rated(score=score)
    drop = read_pairs(write(columns), PairSpec(min_difference=0.25))
    assert len(drop) == 2 * PROMPTS
    exact = read_pairs(write(columns), PairSpec(min_difference=1 / 3))
    assert len(exact) == 2 * PROMPTS
    assert any("12 of 36 pairs are ties" in note for note in drop.notes)
    kept = read_pairs(write(columns), PairSpec(min_difference=0.25, ties="davidson"))
    tied = kept.outcome == 0.5
    assert tied.sum() == PROMPTS
    assert all("=" in name for name in kept.row_id[tied])
    assert (kept.chosen[0].response, kept.rejected[0].response) == ("answer 0", "answer 1")  # neither is better: the earlier one
    assert not any("the margin is negative" in note for note in kept.notes)
    assert len(set(kept.row_id)) == len(kept) == 3 * PROMPTS
    with pytest.raises(DataError, match="0 usable pairs"):
        read_pairs(write(columns), PairSpec(min_difference=0.5))


def test_missing_ratings(write: Callable[..., str]):
    columns = rated()
    helpful = columns["helpfulness"].copy()
    helpful[0] = np.nan
    part = read_pairs(write(rated(helpfulness=helpful)))
    assert part.margin is not None
    first = part.row_id.tolist().index(next(name for name in part.row_id if name in ("r0>r1", "r1>r0")))
    assert part.margin[first] == pytest.approx(abs(columns["correctness"][0] - columns["correctness"][1]))
    overall = np.arange(N, dtype=float)
    overall[0] = np.nan
    unrated = read_pairs(write(rated(score=overall)))
    assert len(unrated) == N - 2
    assert "dropped: 2 of 36 pairs, because a response of theirs has no rating" in unrated.notes


def test_pairs_are_made_within_a_user(write: Callable[..., str]):
    users = [("ann", "ann", "bob")[i % EACH] for i in range(N)]
    pairs = read_pairs(write(rated(user_id=users, score=np.arange(N))), min_pairs=5)
    assert len(pairs) == PROMPTS
    assert pairs.user is not None
    assert set(pairs.user) == {"ann"}
    assert "dropped: 12 of 24 prompts have fewer than two usable responses" in pairs.notes


def test_prompts_with_a_single_response_are_counted(write: Callable[..., str]):
    columns = rated()
    columns["prompt"][0] = columns["prompt"][1] = "alone"
    columns["prompt"][3] = "alone too"
    columns["response"][2] = ""
    pairs = read_pairs(write(columns))
    assert "dropped: 1 of 36 rows have an empty or non-text prompt or response (the first is row 3)" in pairs.notes
    assert "dropped: 1 of 13 prompts have fewer than two usable responses" in pairs.notes


def test_the_same_response_twice_is_no_pair(write: Callable[..., str]):
    columns = rated()
    columns["response"][1] = columns["response"][0]
    pairs = read_pairs(write(columns))
    assert any("1 of 36 pairs have identical chosen and rejected sides" in note for note in pairs.notes)


def test_numberings_and_what_describes_the_prompt_are_no_attributes(write: Callable[..., str]):
    columns = rated(prompt_id=[str(i) for i in range(N)], turn=np.arange(N), difficulty=[i // EACH for i in range(N)], weight=[2.0] * N)
    pairs = read_pairs(write(columns))
    assert pairs.attributes == ("helpfulness", "correctness")
    assert pairs.notes[-1] == (
        "preferred: the mean of higher `helpfulness`, higher `correctness`; attributes: helpfulness, correctness; "
        "ignored: model, prompt_id, turn, difficulty"
    )
    assert "not used: weight; pairs made from ratings all weigh the same" in pairs.notes
    assert pairs.row_id.tolist() == read_pairs(write(rated())).row_id.tolist()


def test_only_an_overall_rating(write: Callable[..., str]):
    pairs = read_pairs(write(rated(helpfulness=None, correctness=None, score=np.arange(N))))
    assert pairs.attributes == ()
    assert len(pairs) == N


def test_nothing_is_rated(write: Callable[..., str]):
    with pytest.raises(DataError, match="nothing is rated") as caught:
        read_pairs(write(rated(helpfulness=None, correctness=None)))
    assert "--columns overall=NAME" in caught.value.fix


def test_one_response_to_each_prompt(write: Callable[..., str]):
    with pytest.raises(DataError, match="36 of 36 prompts have fewer than two usable responses, and pairs are made within a prompt"):
        read_pairs(write(rated(prompt=[f"Q{i}" for i in range(N)])))


def test_too_many_pairs(write: Callable[..., str]):
    many = 5000
    columns = {"prompt": ["Q"] * many, "response": [f"{i}" for i in range(many)], "score": np.arange(many)}
    with pytest.raises(DataError, match=r"makes 12,497,500 pairs; allowed: at most 10,000,000 \(one prompt has 5,000 responses\)"):
        read_pairs(write(columns))


def test_real_ratings_of_summaries():
    folder = os.environ.get("PROBRM_DATA")
    path = Path(folder or ".") / "dialsummeval" / "ratings.parquet"
    if not folder or not path.is_file():
        pytest.skip("PROBRM_DATA does not name a folder with dialsummeval/ratings.parquet")
    names = ("consistency", "relevance", "fluency", "coherence")
    pairs = read_pairs(str(path), PairSpec({"prompt": "dialogue", "response": "summary"}, attributes=names, min_difference=0.25))
    frame = pd.read_parquet(path)
    frame["twelfths"] = (frame[list(names)] * 3).round().sum(axis=1)
    both = frame.reset_index().merge(frame.reset_index(), on="dialogue", suffixes=("", "_2"))
    better = both[(both.twelfths - both.twelfths_2 >= 3) & (both.summary.str.strip() != both.summary_2.str.strip())]
    assert sorted(pairs.row_id) == sorted(f"{i}>{j}" for i, j in zip(better["index"], better["index_2"], strict=True))
    assert pairs.attributes == names
    assert {name: values.shape for name, values in vars(pairs).items() if name.endswith("_scores")} == dict.fromkeys(
        ("chosen_scores", "rejected_scores"), (len(better), 4)
    )
