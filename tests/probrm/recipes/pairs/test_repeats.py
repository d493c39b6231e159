from __future__ import annotations

import numpy as np
import pytest
import torch

from probrm.data import Batch
from probrm.recipes.pairs.repeats import chance_note, occurrences, shares


def pairs(*ends: tuple[int, int], weight: float | None = None) -> Batch:
    chosen, rejected = torch.tensor(ends).T
    columns = {"chosen_index": chosen, "rejected_index": rejected, "prompt_index": chosen // 10}
    return Batch(columns | ({} if weight is None else {"weight": torch.full((len(ends),), weight)}), len(ends))


def rank(batch: Batch) -> int:
    """Independent differences: the rank of the matrix with 1 and −1 at each pair's responses."""
    design = np.zeros((len(batch), 100))
    design[np.arange(len(batch)), batch["chosen_index"]] = 1
    design[np.arange(len(batch)), batch["rejected_index"]] -= 1
    return int(np.linalg.matrix_rank(design))


def test_pairs_of_their_own_responses_count_whole() -> None:
    assert shares(pairs((0, 1), (2, 3), (10, 11))).tolist() == [1.0, 1.0, 1.0]


def test_a_chain_of_pairs_counts_whole_and_a_ring_does_not() -> None:
    assert shares(pairs((0, 1), (1, 2), (2, 3))).tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(shares(pairs((0, 1), (1, 2), (2, 0), (10, 11))), [2 / 3, 2 / 3, 2 / 3, 1.0])


def test_judgments_of_one_pair_count_as_one() -> None:
    np.testing.assert_allclose(shares(pairs((0, 1), (1, 0), (0, 1), (0, 1))), 0.25)


def test_pairs_that_already_count_for_less_are_not_discounted_twice() -> None:
    """Of lists of two chosen and two rejected answers, four pairs count as one: three differences are more than that."""
    lists = ((0, 2), (0, 3), (1, 2), (1, 3))
    assert shares(pairs(*lists, weight=0.25)).tolist() == [1.0] * 4
    assert shares(pairs(*lists)).tolist() == [0.75] * 4
    assert occurrences(pairs(*lists, weight=0.25))["contrasts"] == 1
    np.testing.assert_allclose(shares(pairs((0, 1), (0, 1), (0, 1), weight=0.5)), 2 / 3)


def test_a_weight_above_one_is_kept() -> None:
    assert shares(pairs((0, 1), (2, 3), weight=5.0)).tolist() == [1.0, 1.0]
    assert shares(pairs((0, 1), (1, 0), weight=5.0)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("seed", range(5))
def test_together_they_count_as_many_as_there_are_independent_differences(seed: int) -> None:
    ends = np.random.default_rng(seed).integers(0, 6, (40, 2)) + 10 * np.arange(40)[:, None] // 80 * 10
    batch = pairs(*((int(a), int(b)) for a, b in ends if a != b))
    assert float(shares(batch).sum()) == pytest.approx(rank(batch), abs=1e-4)
    assert occurrences(batch)["contrasts"] == rank(batch)


def test_indices_with_gaps() -> None:
    """Of a part of the pairs: the others' responses are in none."""
    assert shares(pairs((50, 7), (7, 99))).tolist() == [1.0, 1.0]


def test_what_there_is() -> None:
    found = occurrences(pairs((0, 1), (1, 2), (2, 0), (10, 11)))
    assert found == {"pairs": 4, "prompts": 2, "responses": 5, "pairs_a_response": 1.6, "contrasts": 3}


def test_worse_than_a_coin() -> None:
    assert chance_note(-0.69, ties=False) == []
    assert chance_note(None, ties=False) == []
    assert chance_note(-0.6932, ties=False) == []  # no difference that three digits could show
    assert chance_note(-0.695, ties=False) != []
    assert chance_note(-0.9, ties=True) == []  # three outcomes: log 2 is no measure
    assert "-0.900 nats a pair against -0.693" in chance_note(-0.9, ties=False)[0]
