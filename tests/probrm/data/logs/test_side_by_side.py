"""Answers shown side by side: what is read as a comparison, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import DataError

Save = Callable[..., str]
PROMPTS = [f"What is {i // 2}?" for i in range(60)]
PAIRS = [f"p{i // 2}" if i < 40 else None for i in range(60)]
CHOSEN: list[Any] = [1, 0] * 5 + [0, 1] * 5 + [0, 0] * 10 + [None] * 20


def test_each_choice_is_recorded_once(save: Save) -> None:
    log = read_log(save(prompt=PROMPTS, pair=PAIRS, chosen=CHOSEN))
    assert log.won is not None
    assert log.rival is not None
    assert log.rival[:4].tolist() == [1, 0, 3, 2]
    assert (log.rival[40:] == -1).all()
    np.testing.assert_array_equal(log.won[:4], [1, np.nan, 1, np.nan])
    np.testing.assert_array_equal(log.won[10:14], [0, np.nan, 0, np.nan])
    assert np.isnan(log.won[20:]).all()  # nobody chose, and no pairs
    assert not any("pair" in note for note in log.notes)


def test_pairs_need_not_be_neighbours(save: Save) -> None:
    order = np.random.default_rng(0).permutation(60)
    shuffled = [[column[i] for i in order] for column in (PROMPTS, PAIRS, CHOSEN)]
    log = read_log(save(prompt=shuffled[0], pair=shuffled[1], chosen=shuffled[2]))
    assert log.won is not None
    assert log.rival is not None
    for i in np.flatnonzero(np.isfinite(log.won)):
        j = log.rival[i]
        assert shuffled[1][i] == shuffled[1][j]
        assert log.won[i] == shuffled[2][i] == 1 - shuffled[2][j]
    assert np.isfinite(log.won).sum() == 10


def test_a_pair_whose_other_row_was_dropped_tells_nothing(save: Save) -> None:
    log = read_log(save(prompt=PROMPTS, pair=PAIRS, chosen=CHOSEN, response=["", *["yes"] * 59], action=[0, *[0, 1] * 29, 1]))
    assert log.won is not None
    assert np.isnan(log.won[0])
    assert np.isfinite(log.won).sum() == 9


def test_one_of_the_two_columns_is_not_used(save: Save) -> None:
    log = read_log(save(prompt=PROMPTS, pair=PAIRS))
    assert log.won is None
    assert "column 'pair' is not used: there is no column 'chosen' beside it" in log.notes
    assert read_log(save(prompt=PROMPTS, pair=PAIRS, chosen=CHOSEN), require=()).won is None  # scoring asks for no comparison


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"pair": ["lonely", None, *PAIRS[2:]]}, "row 1, column 'pair': 'lonely' is in 1 row; allowed: two rows a pair"),
        ({"pair": ["p1", None, *PAIRS[2:]]}, "rows 1, 3, 4, column 'pair': 'p1' is in 3 rows; allowed: two rows a pair"),
        ({"chosen": [1, 1, *CHOSEN[2:]]}, "rows 1 and 2, column 'chosen': both answers of the pair 'p0' are chosen; allowed: one, or none"),
        ({"chosen": [None, *CHOSEN[1:]]}, "row 1, column 'chosen': it is missing; allowed: 0 or 1 in a row with a pair"),
        ({"chosen": [*CHOSEN[:50], 1, *CHOSEN[51:]]}, "row 51, column 'chosen': found 1; allowed: 0 or missing in a row without a pair"),
        ({"chosen": [2, *CHOSEN[1:]]}, "row 1, column 'chosen': found 2"),
        ({"prompt": ["Another?", *PROMPTS[1:]]}, "rows 1 and 2: the pair 'p0' has two prompts; allowed: two answers to one prompt"),
    ],
)
def test_bad_pairs(save: Save, changed: dict[str, Any], says: str) -> None:
    path = save(**{"prompt": PROMPTS, "pair": PAIRS, "chosen": CHOSEN, **changed})
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert caught.value.what.startswith(path)
    assert says in caught.value.what
    assert "\n" not in caught.value.what + caught.value.fix


def test_the_choice_cannot_be_a_covariate(save: Save) -> None:
    path = save(prompt=PROMPTS, pair=PAIRS, chosen=CHOSEN)
    with pytest.raises(DataError, match="it is the chosen and cannot be a covariate"):
        read_log(path, LogSpec(propensity_features=("chosen",)))
