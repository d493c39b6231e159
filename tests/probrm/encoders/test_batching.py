from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from probrm.encoders.batching import length_sorted_batches, pad_right


@given(lengths=st.lists(st.integers(1, 300), max_size=80), budget=st.integers(1, 1000))
def test_batches_cover_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(length_sorted_batches(lengths, budget))
    assert sorted(at for batch in batches for at in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= budget for batch in batches)
    ordered = [lengths[at] for batch in batches for at in batch]
    assert ordered == sorted(lengths, reverse=True)


def test_sorting_wastes_less_padding_than_arrival_order() -> None:
    lengths = [10, 250] * 50
    padded = sum(len(batch) * max(lengths[at] for at in batch) for batch in length_sorted_batches(lengths, 2500))
    assert padded == sum(lengths)


def test_padding_stands_on_the_right_and_outside_the_mask() -> None:
    ids, mask = pad_right([[5, 9], [7, 7, 9]], pad=9)
    assert torch.equal(ids, torch.tensor([[5, 9, 9], [7, 7, 9]]))
    assert torch.equal(mask, torch.tensor([[True, True, False], [True, True, True]]))
