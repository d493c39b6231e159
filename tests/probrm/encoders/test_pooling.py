from __future__ import annotations

import pytest
import torch

from probrm.encoders.config import Pooling
from probrm.encoders.pooling import pool

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]], [[1.0, 1.0], [2.0, 3.0], [4.0, 8.0]]])


@pytest.mark.parametrize(
    ("how", "right", "left"),
    [
        ("mean", [[2.0, 3.0], [7 / 3, 4.0]], [[4.0, 6.5], [7 / 3, 4.0]]),
        ("response", [[2.0, 3.0], [7 / 3, 4.0]], [[4.0, 6.5], [7 / 3, 4.0]]),
        ("last", [[3.0, 4.0], [4.0, 8.0]], [[5.0, 9.0], [4.0, 8.0]]),
        ("cls", [[1.0, 2.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 1.0]]),
    ],
)
def test_each_pooling_reads_real_tokens_on_either_side(how: Pooling, right: list[list[float]], left: list[list[float]]) -> None:
    padded_right = torch.tensor([[True, True, False], [True, True, True]])
    torch.testing.assert_close(pool(HIDDEN, padded_right, how), torch.tensor(right))
    torch.testing.assert_close(pool(HIDDEN, padded_right.flip(1) | torch.tensor([[False], [True]]), how), torch.tensor(left))


@pytest.mark.parametrize("how", ["mean", "last", "cls"])
def test_what_stands_at_padding_does_not_matter_even_nan(how: Pooling) -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    spoilt = HIDDEN.clone()
    spoilt[0, 2] = float("nan")
    torch.testing.assert_close(pool(spoilt, mask, how), pool(HIDDEN, mask, how))


def test_short_types_are_summed_in_float32() -> None:
    hidden = torch.ones(1, 4096, 1, dtype=torch.bfloat16)
    pooled = pool(hidden, torch.ones(1, 4096, dtype=torch.bool), "mean")
    assert pooled.dtype == torch.float32
    assert pooled.item() == 1.0
