from __future__ import annotations

import math

import pytest

from probrm.data import Conversation
from probrm.data.covariates.derived import DERIVED, derive


def value(name: str, response: str, prompt: str | tuple[tuple[str, str], ...] = "p") -> float:
    return derive([Conversation(prompt, response)], [name])[name].tolist()[0]


def test_length_is_the_logarithm_of_the_characters():
    assert value("length", "abc") == pytest.approx(math.log(4))


@pytest.mark.parametrize(("response", "expected"), [("so:\n```py\nx\n```", True), ("use `x`", False)])
def test_code_block(response: str, expected: bool):
    assert value("code_block", response) is expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("- a\n- b", True),
        ("1. a\n2) b", True),
        ("  * a\n\n  * b", True),
        ("- only one", False),
        ("3.5 and\n2.5", False),
        ("**a**\n**b**", False),
    ],
)
def test_list(response: str, expected: bool):
    assert value("list", response) is expected


def test_question_looks_at_the_last_message_of_the_prompt():
    assert value("question", "no", "why?") is True
    assert value("question", "why?", "do it") is False
    assert value("question", "x", (("user", "why?"), ("user", "do it"))) is False


def test_several_in_the_order_asked_for_and_none():
    frame = derive([Conversation("p", "r")] * 3, ["question", "length"])
    assert list(frame.columns) == ["question", "length"]
    assert derive([Conversation("p", "r")] * 3, []).shape == (3, 0)
    assert set(DERIVED) == {"length", "code_block", "list", "question"}
