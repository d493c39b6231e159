from __future__ import annotations

import pytest
import torch

from probrm.data.batch import Batch


def batch(n: int = 10) -> Batch:
    return Batch({"user": torch.arange(n) % 4, "x": torch.randn(n, 3), "h": torch.randn(n, 2).bfloat16()}, n)


def test_a_limit_is_that_of_the_set_that_rows_were_cut_from() -> None:
    whole = batch()
    assert [part.limits("user") for part in (whole.slice(0, 1), whole.rows(torch.tensor([0, 1])), whole.subset(torch.tensor([2])))] == [
        4,
        4,
        4,
    ]
    assert whole.to(dtype=torch.float64).limits is whole.limits is whole.widened().limits
    assert Batch({"user": torch.tensor([6])}, 1).limits("user") == 7


def test_a_limit_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batch()
    assert whole.slice(0, 2).limits("user") == 4
    monkeypatch.setattr(torch.Tensor, "max", lambda self: pytest.fail("looked up again"))
    assert whole.slice(2, 3).limits("user") == 4


def test_columns_in_16_bits_are_widened_and_others_stay_themselves() -> None:
    narrow = batch()
    wide = narrow.widened()
    assert wide["h"].dtype == torch.float32
    assert torch.equal(wide["h"], narrow["h"].float())
    assert wide["x"] is narrow["x"]
    assert wide["user"] is narrow["user"]
    assert wide.total == narrow.total
    assert wide.widened() is wide
