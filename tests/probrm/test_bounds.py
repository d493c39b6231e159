from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from probrm.bounds import Count, Draws, Few, Finite, NonNegative, Positive, Size, Sizes

HUGE = 10**400
NO_NUMBERS = [True, False, None, "x", [], {}, float("nan"), float("inf"), -float("inf"), HUGE]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        pytest.param(Positive, [1e-30, 1, 1e30, "2"], [0, -1, 1e-31, 5e-324, 1e31, *NO_NUMBERS], id="positive"),
        pytest.param(NonNegative, [0, 1e-40, 1e30], [-1e-9, 1e31, *NO_NUMBERS], id="nonnegative"),
        pytest.param(Finite, [0, -1e30, 1e30], [-1e31, 1e31, *NO_NUMBERS], id="finite"),
        pytest.param(Count, [1, 10**9, 5.0], [0, -1, 10**9 + 1, 1.5, *NO_NUMBERS], id="count"),
        pytest.param(Size, [1, 65_536], [0, 65_537, *NO_NUMBERS], id="size"),
        pytest.param(Few, [1, 256], [0, 257, *NO_NUMBERS], id="few"),
        pytest.param(Draws, [4, 100_000], [1, 3, 100_001, *NO_NUMBERS], id="draws"),
        pytest.param(Sizes, [(), [1], (256, 64)], [[0], [True], [1] * 65, 5, "12"], id="sizes"),
    ],
)
def test_numbers_of_settings(kind: Any, right: list[Any], wrong: list[Any]) -> None:
    adapter = TypeAdapter(kind)
    for value in right:
        adapter.validate_python(value)
    for value in wrong:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
