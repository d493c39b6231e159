from __future__ import annotations

import pytest
import torch

from probrm.data.batch import Batch
from probrm.inference.svi.minibatches import Minibatches, default_batch_size


def rows(n: int, width: int = 1) -> Batch:
    return Batch({"row": torch.arange(n), "x": torch.zeros(n, width)}, n)


@pytest.mark.parametrize(("n", "size"), [(30, 7), (30, 10), (30, 1), (7, 5)])
def test_an_epoch_visits_every_row_at_most_once(n: int, size: int) -> None:
    batches, each = Minibatches(rows(n), size, seed=0), n // size
    epochs = [torch.cat([batches[epoch * each + i]["row"] for i in range(each)]) for epoch in range(3)]
    for epoch in epochs:
        assert len(epoch.unique()) == len(epoch) == each * size
    if each * size > 1:
        assert not torch.equal(epochs[0], epochs[1])


def test_rows_left_over_come_in_other_epochs() -> None:
    batches = Minibatches(rows(30), 7, seed=0)
    assert len(torch.cat([batches[i]["row"] for i in range(4 * 12)]).unique()) == 30


def test_a_minibatch_stands_for_all_rows() -> None:
    batches = Minibatches(rows(30), 7, seed=0)
    assert (len(batches[0]), batches[0].total, batches[0].scale) == (7, 30, 30 / 7)


def test_scaled_sums_are_unbiased() -> None:
    """Where the size divides the rows, an epoch's average is the sum of all rows exactly."""
    batches = Minibatches(rows(30), 6, seed=3)
    sums = [float(batches[i]["row"].sum()) * batches[i].scale for i in range(5)]
    assert sum(sums) / 5 == pytest.approx(float(torch.arange(30).sum()))


def test_rows_are_as_often_at_the_ends_as_in_the_middle() -> None:
    """1,500 epochs of 4 minibatches of 7 in 30 rows: each row in 28/30 of them, within 5 standard errors."""
    batches = Minibatches(rows(30), 7, seed=2)
    counts = torch.cat([batches[i]["row"] for i in range(4 * 1500)]).bincount(minlength=30).float()
    expected = 1500 * 28 / 30
    assert float((counts - expected).abs().max()) < 5 * (expected * 2 / 30) ** 0.5


def test_slices_are_not_copied() -> None:
    batches = Minibatches(rows(30), 6, seed=3)
    assert len({batches[i]["row"].untyped_storage().data_ptr() for i in range(40)}) == 1


def test_a_step_has_its_minibatch_whatever_came_before() -> None:
    forward = Minibatches(rows(30), 7, seed=5)
    in_order = [forward[i]["row"].tolist() for i in range(9)]
    assert Minibatches(rows(30), 7, seed=5)[8]["row"].tolist() == in_order[8]
    assert Minibatches(rows(30), 7, seed=6)[8]["row"].tolist() != in_order[8]
    assert forward[0]["row"].tolist() == in_order[0]


@pytest.mark.parametrize("size", [None, 30, 100])
def test_all_rows_at_once_are_not_copied(size: int | None) -> None:
    data = rows(30)
    assert Minibatches(data, size, seed=0)[17] is data


@pytest.mark.parametrize(
    ("n", "width", "expected"), [(500, 10, 500), (50_000, 99, 50_000), (200_000, 399, 50_000), (60_000, 399, 30_000), (5000, 10**6, 1000)]
)
def test_default_size_is_what_holds_20_million_numbers(n: int, width: int, expected: int) -> None:
    wide = Batch({"row": torch.empty(n, device="meta"), "x": torch.empty(n, width, device="meta")}, n)
    assert default_batch_size(wide) == expected


@pytest.mark.parametrize("size", [None, 7])
def test_vectors_in_16_bits_are_widened_by_minibatch(size: int | None) -> None:
    data = Batch({"row": torch.arange(30), "x": torch.randn(30, 3).bfloat16()}, 30)
    batch = Minibatches(data, size, seed=0)[1]
    assert batch["x"].dtype == torch.float32
    assert torch.equal(batch["x"], data["x"][batch["row"]].float())
    assert data["x"].dtype == torch.bfloat16
