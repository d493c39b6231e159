from __future__ import annotations

import re
from typing import Any

import pytest

from probrm.errors import ConfigError
from probrm.recipes.objective_weights import shares, weights_note

NAMES = ("helpful", "brief", "safe")


def test_weights_are_divided_by_their_sum_and_the_rest_is_zero() -> None:
    assert shares({"safe": 3, "helpful": 1}, NAMES) == {"helpful": 0.25, "brief": 0.0, "safe": 0.75}
    assert list(shares({"safe": 3, "helpful": 1}, NAMES)) == list(NAMES)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"helpfull": 1}, "there is no 'helpfull'; allowed: helpful, brief, safe"),
        ({"kind": 1}, "there is no 'kind'"),
        ({"brief": -0.1}, "brief is -0.1; allowed: finite numbers of 0 or more"),
        ({"brief": float("nan")}, "brief is nan"),
        ({"brief": float("inf")}, "brief is inf"),
        ({"brief": "0.5"}, "brief is '0.5'"),
        ({"brief": True}, "brief is True"),
        ({"brief": 1e308, "safe": 1e308}, "not finite"),
        ({"brief": 0.0}, "their sum is 0"),
        ({}, "their sum is 0"),
    ],
)
def test_weights_that_are_not_allowed(weights: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"--weights: .*{re.escape(told)}" if "sum" not in told else told):
        shares(weights, NAMES)


def test_a_near_miss_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="did you mean 'helpful'"):
        shares({"helpfull": 1}, NAMES)


def test_the_note_says_what_they_were_divided_by() -> None:
    note = weights_note({"a": 0.7, "b": 0.3}, {"a": 0.7, "b": 0.3, "c": 0.0})
    assert note == "objective weights given by hand, the same for every prompt: a 0.7, b 0.3, c 0"
    assert weights_note({"a": 3, "b": 1}, {"a": 0.75, "b": 0.25}).endswith("a 0.75, b 0.25 (those given sum to 4 and were divided by that)")
