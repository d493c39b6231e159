from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from probrm.data.conversation import Conversation
from probrm.encoders import observed as room
from probrm.encoders.observed import Observed


def actions(n: int, prompts: int) -> Observed:
    draw = np.random.default_rng(0)
    return Observed(
        answer=np.arange(n),
        group=draw.integers(prompts, size=n),
        outcome=draw.integers(2, size=n).astype(float),
        weight=np.ones(n),
        covariates=np.stack([draw.normal(5, 3, n), np.ones(n)], 1),
        user=np.repeat(np.arange(n // 2), 2) if n > 20 else np.array([0] * 3 + [1] * 3 + [2] * (n - 6)),
    )


def pairs(m: int, texts: int) -> Observed:
    draw = np.random.default_rng(0)
    sides = draw.integers(texts, size=(2, m))
    return Observed(sides[0], np.arange(m) % 7, np.ones(m), np.ones(m), other=sides[1], prompt=texts + np.arange(m) % 7)


def test_a_subsample_takes_of_every_prompt_in_turn() -> None:
    observed = replace(actions(6000, 1), group=np.minimum(np.arange(6000), 5000))  # a thousand rows of the last prompt
    sample = observed.subsample()
    assert len(sample) == room.MOST_TEXTS
    assert len(np.unique(sample.group)) == room.MOST_TEXTS
    assert np.array_equal(sample.answer, observed.subsample().answer)
    np.testing.assert_array_equal(sample.outcome, observed.outcome[sample.answer])
    assert sample.unit == "actions"


def test_a_subsample_of_pairs_counts_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    observed = pairs(3000, 50)
    assert len(observed.subsample()) == 3000
    monkeypatch.setattr(room, "MOST_TEXTS", 30)
    sample = observed.subsample()
    assert sample.other is not None
    assert 28 <= len(np.unique(np.concatenate([sample.answer, sample.other]))) <= 30
    monkeypatch.setattr(room, "MOST_ROWS", 8)
    assert len(observed.subsample()) <= 8
    assert sample.unit == "pairs"


def test_a_few_rows_are_all_taken() -> None:
    observed = actions(40, 5)
    np.testing.assert_array_equal(observed.subsample().answer, observed.answer)


def test_the_texts_that_are_needed() -> None:
    observed = pairs(200, 50).take(np.array([3, 5]))
    needed, moved = observed.texts()
    wanted = []
    for before, after in ((observed.answer, moved.answer), (observed.other, moved.other), (observed.prompt, moved.prompt)):
        assert before is not None
        assert after is not None
        np.testing.assert_array_equal(needed[after], before)
        wanted.append(before)
    np.testing.assert_array_equal(needed, np.unique(np.concatenate(wanted)))


def test_what_stands_beside_the_vector() -> None:
    """An intercept, standardised covariates (a constant one is zero), and the users of a few rows."""
    columns, precision = actions(10, 4).nuisance()
    assert columns.shape == (10, 1 + 2 + 3)
    np.testing.assert_allclose([columns[:, 1].mean(), columns[:, 1].std()], [0, 1], atol=1e-12)
    assert not columns[:, 2].any()
    assert columns[:, 3:].sum(0).tolist() == [3, 3, 4]
    assert precision.tolist() == [1e-4, 0.1, 0.1, 1, 1, 1]
    assert actions(100, 4).nuisance()[0].shape == (100, 3)  # nobody has three rows
    assert pairs(10, 5).nuisance()[0].shape == (10, 0)


def test_the_digest_changes_with_all_that_a_choice_depends_on() -> None:
    texts = [Conversation("q", str(i)) for i in range(10)]
    base = actions(10, 4)
    assert base.covariates is not None
    others = [
        replace(base, outcome=1 - base.outcome),
        replace(base, group=base.group + 1),
        replace(base, weight=base.weight * 2),
        replace(base, covariates=base.covariates * 2),
        replace(base, user=None),
        replace(base, answer=base.answer[::-1]),
        replace(base, other=base.answer),
    ]
    digests = [one.digest(texts) for one in [base, *others]] + [base.digest(texts[::-1])]
    assert len(set(digests)) == len(digests) - 1  # the answers in reverse, or the texts: the same rows
    assert base.digest(texts) == actions(10, 4).digest(texts)
