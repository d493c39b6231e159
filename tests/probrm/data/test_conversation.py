from __future__ import annotations

import re
from typing import Any

import pytest

from probrm.data import Conversation
from probrm.data.conversation import conversations_of
from probrm.errors import DataError


def test_equal_conversations_are_one_key():
    a = Conversation((("user", "hi"),), "hello")
    assert {a, Conversation((("user", "hi"),), "hello")} == {a}
    assert a != Conversation("hi", "hello")


def test_a_single_user_message_groups_with_the_same_text():
    assert Conversation((("user", "hi"),), "a").prompt_text == Conversation("hi", "b").prompt_text == "hi"


def test_a_longer_chat_keeps_who_said_what():
    one = Conversation((("system", "be brief"), ("user", "hi")), "a")
    other = Conversation((("user", "be brief"), ("user", "hi")), "a")
    assert one.prompt_text == "system: be brief\n\nuser: hi"
    assert one.prompt_text != other.prompt_text


def test_prompt_messages_of_text_and_chat():
    assert Conversation("hi", "a").prompt_messages == [{"role": "user", "content": "hi"}]
    assert Conversation((("system", "s"), ("user", "u")), "a").prompt_messages == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
    ]


PARTS = [{"role": "user", "content": [{"type": "text", "text": "q"}]}]


@pytest.mark.parametrize(
    ("prompt", "responses", "expected"),
    [
        ("q", "a", [("q", "a")]),
        ("q", ["a", "b"], [("q", "a"), ("q", "b")]),
        (PARTS, ["a"], [((("user", "q"),), "a")]),
        (["p", "q"], ["a", "b"], [("p", "a"), ("q", "b")]),
        ([PARTS, "q"], ["a", "b"], [((("user", "q"),), "a"), ("q", "b")]),
        ("q", [{"role": "assistant", "content": "a"}], [("q", "a")]),
        ("q", {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, [("q", "ab")]),
    ],
)
def test_forms_that_code_has(prompt: Any, responses: Any, expected: Any) -> None:
    assert conversations_of(prompt, responses) == [Conversation(*one) for one in expected]


@pytest.mark.parametrize(
    ("prompt", "responses", "told"),
    [
        ("q", [None], "a response: found None"),
        (None, "a", "a prompt: found None"),
        (["p", "q"], ["a"], "found 2 prompts for 1 responses"),
        ([{"role": "user", "content": [{"type": "image", "url": "u"}]}], "a", "the content of a message: found"),
        ([{"content": "q"}], "a", "a prompt: found"),
        ([], ["a"], "a prompt: found"),
        ("q", [5], "a response: found 5"),
    ],
)
def test_other_forms_are_refused(prompt: Any, responses: Any, told: str) -> None:
    with pytest.raises(DataError, match=re.escape(told)):
        conversations_of(prompt, responses)
