"""No reading turns a preference round in silence: what decides is said, what is no rating decides nothing, contradictions are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.data import Pairs, PairSpec, read_pairs
from probrm.errors import DataError
from tests.pair_shapes import PAIRS, expected, read_as, write_rows

PROMPTS, EACH = 12, 3
GOOD = np.random.default_rng(4).permuted(np.tile(np.arange(1.0, 1 + EACH), (PROMPTS, 1)), axis=1)
"""How good each of three answers to twelve prompts is: 3 the best."""
Read = Callable[..., Pairs]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads rated answers with the columns that functions of (goodness, number of the answer) give."""

    def make(spec: dict[str, Any] | None = None, **columns: Callable[[float, int], Any]) -> Pairs:
        rows = [
            {"prompt": f"Q{p}", "response": f"answer {p}.{k}", **{name: f(float(GOOD[p, k]), k) for name, f in columns.items()}}
            for p in range(PROMPTS)
            for k in range(EACH)
        ]
        return read_pairs(write_rows(rows, tmp_path / "rated.jsonl"), PairSpec(**(spec or {})))

    return make


def truth() -> list[tuple[str, str, str]]:
    pairs = ((p, i, j) for p in range(PROMPTS) for i in range(EACH) for j in range(EACH) if GOOD[p, i] > GOOD[p, j])
    return sorted((f"Q{p}", f"answer {p}.{i}", f"answer {p}.{j}") for p, i, j in pairs)


def decides(pairs: Pairs) -> str:
    return next(note for note in pairs.notes if note.startswith("preferred: "))


@pytest.mark.parametrize("name", ["rank", "Ranking", "position", "place", "human_rank", "rank_by_annotator"])
def test_lower_ranks_are_better_and_it_is_said(read: Read, name: str) -> None:
    pairs = read(**{name: lambda g, k: EACH - g})
    assert read_as(pairs) == truth()
    assert decides(pairs) == f"preferred: lower `{name}`"


def test_a_score_that_a_rank_contradicts_is_refused(read: Read) -> None:
    """A loss may be called a score."""
    assert read_as(read(score=lambda g, k: g, rank=lambda g, k: EACH - g)) == truth()
    with pytest.raises(DataError, match=r"`score` contradicts the rank `rank` .lower is better. in 36 of 36 rows") as caught:
        read(score=lambda g, k: -g, rank=lambda g, k: EACH - g)
    assert caught.value.fix == "name what decides: --columns overall=rank, or --columns overall=score if higher `score` is better"
    assert read_as(read(spec={"columns": {"overall": "rank"}}, score=lambda g, k: -g, rank=lambda g, k: EACH - g)) == truth()
    assert read_as(read(spec={"columns": {"overall": "score"}}, score=lambda g, k: g, rank=lambda g, k: g)) == truth()


def test_a_list_that_may_be_ranks_or_an_order_is_asked_about(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i}", "responses": ["worst", "best", "middle"], "ranking": [3, 1, 2]} for i in range(20)]
    path = write_rows(rows, tmp_path / "ranking.jsonl")
    with pytest.raises(DataError, match=r"row 1, column 'ranking': found .3, 1, 2., which may be the ranks of the answers, or their order"):
        read_pairs(path)
    pairs = read_pairs(path, PairSpec(columns={"overall": "ranking"}))
    assert {(c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)} == {
        ("best", "worst"),
        ("best", "middle"),
        ("middle", "worst"),
    }
    alike = [{**row, "ranking": [3, 2, 1]} for row in rows]  # either way the last is the best
    assert read_pairs(write_rows(alike, tmp_path / "alike.jsonl")).chosen[0].response == "best"


@pytest.mark.parametrize(
    "relabel",
    [lambda g: g, lambda g: 100 * g - 7, lambda g: float(np.exp(g)), lambda g: -1 / g, lambda g: str(g)],
    ids=["as it is", "in other units", "exponentials", "inverses", "texts"],
)
def test_monotone_relabelling_changes_no_preference(read: Read, relabel: Callable[[float], Any]) -> None:
    assert read_as(read(score=lambda g, k: relabel(g))) == truth()
    assert read_as(read(helpfulness=lambda g, k: relabel(g))) == truth()


def test_a_decreasing_relabelling_is_another_preference(read: Read) -> None:
    """The negative control: a score that falls where answers get better cannot be told from a true one, and turns all pairs round."""
    assert read_as(read(score=lambda g, k: -g)) == sorted((p, r, c) for p, c, r in truth())
    assert read_as(read(spec={"attributes": ("-helpfulness",)}, helpfulness=lambda g, k: -g)) == truth()


@pytest.mark.parametrize(
    "name",
    [
        *("n_tokens", "token_count", "latency_ms", "latency", "created_at", "timestamp", "review_count", "length", "temperature", "seed"),
        *("prompt_id", "idx", "turn", "cost", "perplexity", "upvote_ratio", "toxicity", "year"),
    ],
)
def test_what_is_no_known_rating_decides_nothing_unless_it_is_named(read: Read, name: str) -> None:
    noise: dict[str, Callable[[float, int], Any]] = {name: lambda g, k: 1000.0 * (EACH - g) + k}
    pairs = read(helpfulness=lambda g, k: g, **noise)
    assert read_as(pairs) == truth()
    assert decides(pairs) == f"preferred: higher `helpfulness`; attributes: helpfulness; ignored: {name}"
    with pytest.raises(DataError, match="nothing is rated") as caught:
        read(**noise)
    assert "--attributes a,-b (- where lower is better)" in caught.value.fix
    named = read(spec={"attributes": (f"-{name}",)}, **noise)
    assert read_as(named) == truth()
    assert decides(named) == f"preferred: lower `{name}`; attributes: -{name} (lower is better)"


def test_ranks_decide_before_ratings_and_tokens_nothing(read: Read) -> None:
    pairs = read(rank=lambda g, k: EACH - g, n_tokens=lambda g, k: 10 + k, latency_ms=lambda g, k: 1000 + 20 * k, safety=lambda g, k: k % 2)
    assert read_as(pairs) == truth()
    assert decides(pairs) == "preferred: lower `rank`; attributes: safety; ignored: n_tokens, latency_ms"


@pytest.mark.parametrize("name", ["position", "place"])
def test_a_position_beside_ratings_is_that_in_a_list(read: Read, name: str) -> None:
    pairs = read(**{name: lambda g, k: k}, helpfulness=lambda g, k: g)
    assert read_as(pairs) == truth()
    assert decides(pairs) == f"preferred: higher `helpfulness`; attributes: helpfulness; ignored: {name}"


def test_quality_decides_and_the_rest_are_attributes(read: Read) -> None:
    columns: dict[str, Callable[[float, int], Any]] = {
        "quality": lambda g, k: g,
        "helpfulness": lambda g, k: k,
        "safety": lambda g, k: -k,
        "created_at": lambda g, k: 1000 * k,
        "n_tokens": lambda g, k: 30 - k,
    }
    pairs = read(**columns)
    assert read_as(pairs) == truth()
    assert decides(pairs) == "preferred: higher `quality`; attributes: helpfulness, safety; ignored: created_at, n_tokens"


def test_a_rank_that_ratings_contradict_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"`rank` contradicts the ratings helpfulness in 36 of 36 rows") as caught:
        read(rank=lambda g, k: g, helpfulness=lambda g, k: g)
    assert "--columns overall=NAME" in caught.value.fix
    assert (
        read_as(read(spec={"columns": {"overall": ""}, "attributes": ("helpfulness",)}, rank=lambda g, k: g, helpfulness=lambda g, k: g))
        == truth()
    )


def test_attributes_of_different_scales_are_standardised_before_their_mean(read: Read) -> None:
    """Out of 1,000 points, noise of a tenth of the range would outweigh a score from 1 to 3."""
    pairs = read(helpfulness=lambda g, k: g, fluency=lambda g, k: 500 + 5 * k, correctness=lambda g, k: 300 * g)
    assert "the attributes have different scales: each is divided by its standard deviation before their mean is taken" in pairs.notes
    assert pairs.margin is not None
    assert float(pairs.margin.max()) < 5
    alike = read(helpfulness=lambda g, k: g, fluency=lambda g, k: 1 + k)
    assert not any("different scales" in note for note in alike.notes)


@pytest.mark.parametrize("scale", [0.001, 1.0, 1000.0])
def test_the_unit_of_an_attribute_changes_no_preference(read: Read, scale: float) -> None:
    both: dict[str, Callable[[float, int], Any]] = {"helpfulness": lambda g, k: g, "safety": lambda g, k: scale * (g + 0.3 * k)}
    assert read_as(read(**both)) == truth()


def test_a_reversed_attribute_among_others(read: Read) -> None:
    pairs = read(spec={"attributes": ("helpfulness", "-toxicity")}, helpfulness=lambda g, k: g, toxicity=lambda g, k: -2 * g)
    assert read_as(pairs) == truth()
    assert pairs.attributes == ("helpfulness", "-toxicity")
    assert pairs.chosen_scores is not None
    assert pairs.rejected_scores is not None
    assert (pairs.chosen_scores > pairs.rejected_scores).all()


def two(**more: Callable[[Any], Any]) -> list[dict[str, Any]]:
    rows = [{"prompt": t.prompt, "response_a": t.first, "response_b": t.second, **{n: f(t) for n, f in more.items()}} for t in PAIRS]
    return rows


def test_a_choice_that_scores_contradict_is_refused(tmp_path: Path) -> None:
    def scored(good: float) -> list[dict[str, Any]]:
        return two(
            winner=lambda t: "ab"[t.better],
            score_a=lambda t: good if t.better == 0 else 1 - good,
            score_b=lambda t: good if t.better == 1 else 1 - good,
        )

    assert read_as(read_pairs(write_rows(scored(1.0), tmp_path / "a.jsonl"))) == expected()
    path = write_rows(scored(0.0), tmp_path / "b.jsonl")
    with pytest.raises(DataError, match="`winner` contradicts the scores `score_a`/`score_b` in 30 of 30 rows") as caught:
        read_pairs(path)
    assert "--choices first=VALUE,second=VALUE" in caught.value.fix
    assert "--columns score_0=,score_1=" in caught.value.fix
    assert read_as(read_pairs(path, PairSpec(columns={"score_0": "", "score_1": ""}))) == expected()


def test_a_declared_coding_is_checked_against_scores_too(tmp_path: Path) -> None:
    rows = two(label=lambda t: t.better, score_a=lambda t: 1 - t.better, score_b=lambda t: t.better)
    path = write_rows(rows, tmp_path / "a.jsonl")
    assert read_as(read_pairs(path, PairSpec(choices={"first": "0", "second": "1"}))) == expected()
    with pytest.raises(DataError, match="contradicts the scores"):
        read_pairs(path, PairSpec(choices={"first": "1", "second": "0"}))


@pytest.mark.parametrize(
    "names", [("chosen_score", "rejected_score"), ("score_chosen", "score_rejected"), ("chosen-rating", "rejected-rating")]
)
def test_sides_that_scores_contradict_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [{"prompt": t.prompt, "chosen": t.rejected, "rejected": t.chosen, names[0]: 1.0, names[1]: 4.0} for t in PAIRS]
    path = write_rows(rows, tmp_path / "a.jsonl")
    with pytest.raises(DataError, match=rf"contradicts the scores `{names[0]}`/`{names[1]}` in 30 of 30 rows") as caught:
        read_pairs(path)
    assert "--columns chosen=rejected,rejected=chosen" in caught.value.fix
    turned = read_pairs(path, PairSpec(columns={"chosen": "rejected", "rejected": "chosen"}))
    assert read_as(turned) == expected()
    assert turned.margin is not None
    assert (turned.margin == 3).all()


@pytest.mark.parametrize(("chosen", "rejected"), [("chosen", "rejected"), ("response_a", "response_b")], ids=["sides", "a choice"])
def test_ranks_of_both_sides_check_the_direction(tmp_path: Path, chosen: str, rejected: str) -> None:
    """Lower is better; positions in a list check nothing."""
    first, second = ("chosen", "rejected") if chosen == "chosen" else ("a", "b")
    more = {} if chosen == "chosen" else {"winner": "a"}

    def rows(name: str, low: int, high: int) -> list[dict[str, Any]]:
        ranks = {f"{first}_{name}": low, f"{second}_{name}": high} if chosen == "chosen" else {f"{name}_a": low, f"{name}_b": high}
        return [{"prompt": t.prompt, chosen: t.chosen, rejected: t.rejected, **ranks, **more} for t in PAIRS]

    pairs = read_pairs(write_rows(rows("rank", 1, 4), tmp_path / "ranks.jsonl"))
    assert read_as(pairs) == expected()
    assert "; checked by the ranks `" in decides(pairs)
    assert "ignored" not in decides(pairs)
    with pytest.raises(DataError, match=r"contradicts the ranks .* \(lower is better\) in 30 of 30 rows") as caught:
        read_pairs(write_rows(rows("rank", 4, 1), tmp_path / "ranks.jsonl"))
    assert ("--columns chosen=rejected,rejected=chosen" if chosen == "chosen" else "--choices first=VALUE") in caught.value.fix
    assert read_as(read_pairs(write_rows(rows("position", 4, 1), tmp_path / "ranks.jsonl"))) == expected()


@pytest.mark.parametrize("count", [1, 3])
def test_lists_of_other_lengths_are_refused(tmp_path: Path, count: int) -> None:
    rows = [{"prompt": t.prompt, "responses": [t.first, t.second], "scores": [1.0, 2.0]} for t in PAIRS]
    rows[4]["scores"] = [1.0] * count
    with pytest.raises(DataError, match=rf"row 5: 2 in 'responses' and {count} in 'scores'; allowed: a score for each answer"):
        read_pairs(write_rows(rows, tmp_path / "lists.jsonl"))


def test_a_missing_score_in_a_list_and_ratings_beside_it(tmp_path: Path) -> None:
    """Lists of known ratings are attributes; an answer without a score is in no pair."""
    rows = [
        {"prompt": t.prompt, "responses": [t.first, t.second, "none"], "score": [2.0 - t.better, 1.0 + t.better, None]}
        | {"helpfulness": [1 - t.better, t.better, 0], "tags": ["x", "y"]}
        for t in PAIRS
    ]
    pairs = read_pairs(write_rows(rows, tmp_path / "lists.jsonl"))
    assert read_as(pairs) == expected()
    assert decides(pairs) == "preferred: higher `score`; attributes: helpfulness; ignored: tags"


def test_margins_that_are_mostly_negative_are_refused(tmp_path: Path) -> None:
    rows = [{"prompt": t.prompt, "chosen": t.rejected, "rejected": t.chosen, "margin": -1.5} for t in PAIRS]
    path = write_rows(rows, tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="contradicts the margin `margin` in 30 of 30 rows"):
        read_pairs(path)
    assert len(read_pairs(path, PairSpec(columns={"margin": ""}))) == 30


@pytest.mark.parametrize(("values", "tied"), [(("model_a", "model_b"), "tie"), (("model_a", "model_b"), "tie (bothbad)"), ((1, 2), "tie")])
def test_ties_are_no_wins(tmp_path: Path, values: tuple[Any, Any], tied: str) -> None:
    rows = two(winner=lambda t: tied if t.first.endswith("0.") else str(values[t.better]))
    drop = read_pairs(write_rows(rows, tmp_path / "a.jsonl"))
    keep = read_pairs(write_rows(rows, tmp_path / "a.jsonl"), PairSpec(ties="davidson"))
    ties = sum(row["winner"] == tied for row in rows)
    assert ties > 0
    assert (len(drop), len(keep), int((keep.outcome == 0.5).sum())) == (30 - ties, 30, ties)
    assert f"means neither ({ties} rows)" in decides(drop)


def test_both_directions_of_one_pair_are_counted_and_said(tmp_path: Path) -> None:
    rows = [{"prompt": t.prompt, "chosen": t.chosen, "rejected": t.rejected} for t in PAIRS]
    rows += [{"prompt": t.prompt, "chosen": t.rejected, "rejected": t.chosen} for t in PAIRS[:3]]
    pairs = read_pairs(write_rows(rows, tmp_path / "a.jsonl"))
    assert "contradictory: 3 pairs of responses are preferred once this way and once the other (the first: rows 1 and 31)" in pairs.notes
    assert not any("contradictory" in note for note in read_pairs(write_rows(rows[:30], tmp_path / "b.jsonl")).notes)


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (lambda t: "ab"[t.better], lambda t: t.second),
        (lambda t: "ab"[t.better], lambda t: "ba"[t.better]),
        (lambda t: ("model_a", "model_b")[t.better], lambda t: t.rejected),
        (lambda t: ("yes", "no")[t.better], lambda t: t.rejected),
        (lambda t: str(1 + t.better), lambda t: str(2 - t.better)),
    ],
)
def test_choices_are_not_read_as_answers(tmp_path: Path, chosen: Callable[[Any], str], rejected: Callable[[Any], str]) -> None:
    rows = [{"prompt": t.prompt, "chosen": chosen(t), "rejected": rejected(t)} for t in PAIRS]
    with pytest.raises(DataError, match="says which side is preferred and not what its answer is") as caught:
        read_pairs(write_rows(rows, tmp_path / "a.jsonl"))
    assert "--columns response_0=NAME,response_1=NAME,choice=chosen" in caught.value.fix


def test_short_answers_on_both_sides_are_answers(tmp_path: Path) -> None:
    rows = [{"prompt": t.prompt, "chosen": ("yes", "no")[t.better], "rejected": ("no", "yes")[t.better]} for t in PAIRS]
    assert len(read_pairs(write_rows(rows, tmp_path / "a.jsonl"))) == 30


def test_an_answer_named_as_the_preferred_one_with_letters_in_it(tmp_path: Path) -> None:
    """The columns are named as if letters were answers: they are read as what they are."""
    path = write_rows(two(winner=lambda t: "ab"[t.better]), tmp_path / "a.jsonl")
    pairs = read_pairs(path, PairSpec(columns={"chosen": "winner", "rejected": "response_b"}))
    assert read_as(pairs) == expected()
    assert decides(pairs) == "preferred: `winner`, where a means `response_a`, b means `response_b`"


def test_a_column_of_one_hot_wins_named_as_the_choice(tmp_path: Path) -> None:
    """Read alone it would turn ties into wins of the other side."""
    won = {0: (1, 0, 0), 1: (0, 1, 0)}
    rows = two(
        winner_model_a=lambda t: won[t.better][0] * (not t.first.endswith("0.")),
        winner_model_b=lambda t: won[t.better][1] * (not t.first.endswith("0.")),
        winner_tie=lambda t: int(t.first.endswith("0.")),
    )
    path = write_rows(rows, tmp_path / "a.jsonl")
    ties = sum(row["winner_tie"] for row in rows)
    for columns in ({}, {"response_0": "response_a", "response_1": "response_b", "choice": "winner_model_b"}):
        pairs = read_pairs(path, PairSpec(columns=columns, ties="davidson"))
        assert int((pairs.outcome == 0.5).sum()) == ties > 0
        assert set(read_as(pairs.take(pairs.outcome == 1))) <= set(expected())


def test_one_hot_columns_that_contradict_themselves(tmp_path: Path) -> None:
    rows = two(a_wins=lambda t: 1, b_wins=lambda t: t.better)
    with pytest.raises(DataError, match="row 1, columns a_wins/b_wins: found 2 ones; allowed: one"):
        read_pairs(write_rows(rows, tmp_path / "a.jsonl"))


def test_two_answers_without_a_choice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'response_a' and 'response_b' are two answers, and no column says which is preferred") as caught:
        read_pairs(write_rows(two(), tmp_path / "a.jsonl"))
    assert "--columns response_0=response_a,response_1=response_b,choice=NAME" in caught.value.fix


def test_several_answers_on_a_side_weigh_as_one_pair(tmp_path: Path) -> None:
    rows = [
        {"prompt": t.prompt, "chosen": [t.chosen, t.chosen + "!", t.chosen + " Yes."], "rejected": [t.rejected, t.rejected + "?"]}
        for t in PAIRS
    ]
    pairs = read_pairs(write_rows(rows, tmp_path / "a.jsonl"))
    assert len(pairs) == 6 * len(PAIRS)
    np.testing.assert_allclose(np.bincount(pairs.rows, pairs.weight), 1.0, rtol=1e-6)
    assert pairs.row_id[:2].tolist() == ["0:0", "0:1"]
    assert {(p, c, r) for p, c, r in expected()} <= set(read_as(pairs))
    assert "30 rows with several answers on a side make 180 pairs; those of a row weigh as much as one pair" in pairs.notes
