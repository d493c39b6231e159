"""Messages are read as products and data sets write them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from probrm.data.messages import UnknownForm, is_message, is_part, read_content, read_role, read_turn

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (("user", "USER", "human", "Human", "prompter"), "user"),
        (("assistant", "gpt", "Model", "AI", "bot", "ChatBot", "ASSISTANT "), "assistant"),
        (("system", "developer"), "system"),
        (("tool", "function", "observation"), "tool"),
    ],
)
def test_roles_in_any_case(names: tuple[str, ...], role: str) -> None:
    assert {read_role(name) for name in names} == {role}
    assert read_role({"role": names[0], "name": None}) == role


@pytest.mark.parametrize("name", ["critic", "", None, 5, "users"])
def test_an_unknown_role(name: Any) -> None:
    with pytest.raises(UnknownForm) as caught:
        read_role(name)
    assert caught.value.found == f"the role {name!r}"
    assert "user (human, prompter)" in caught.value.allowed


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "hi"},
        {"from": "human", "value": "hi"},
        {"author": "prompter", "text": "hi"},
        {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hi"]}},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "h"}, {"type": "text", "text": "i"}]},
        {"role": "user", "content": ["hi"]},
        {"role": "user", "content": "hi", "from": None, "value": None, "tool_calls": None},
        {"role": "user", "content": {"type": "text", "text": "hi"}},
        {"role": "user", "parts": [{"text": "h"}, {"text": "i"}]},
        {"role": "user", "content": "", "parts": [{"type": "text", "text": "hi"}]},
        {"type": "human", "content": "hi", "additional_kwargs": {}, "id": None},
        {"type": "human", "data": {"content": "hi", "type": "human", "tool_calls": []}},
    ],
)
def test_keys_and_contents(message: dict[str, Any]) -> None:
    assert is_message(message)
    assert read_turn(message, Counter()) == ("user", "hi")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, 'tool call: weather({"city": "Oslo"})'),
        ({"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}, 'Let me see.\n\ntool call: weather({"city": "Oslo"})'),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, "tool call: f({})"),
        ({"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}]}, 'tool call: f({"a": 1})'),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "So"}, {"type": "tool_use", "name": "f"}, "and", " on"]},
            "So\n\ntool call: f({})\n\nand on",
        ),
        ({"role": "tool", "content": "3 degrees"}, "3 degrees"),
        ({"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "3"}]}]}, "3"),
        ({"role": "user", "content": [{"type": "tool_result", "content": {"degrees": 3}}]}, '{"degrees": 3}'),
    ],
)
def test_calls_of_tools_and_their_results_are_kept(message: dict[str, Any], expected: str) -> None:
    assert read_turn(message, Counter())[1] == expected


def test_parts_without_text_are_counted() -> None:
    left_out: Counter[str] = Counter()
    said = read_content([{"type": "image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "What is it?"}], left_out)
    assert (said, dict(left_out)) == ("What is it?", {"image_url": 1})


@pytest.mark.parametrize(
    ("part", "found"), [({"type": "hologram"}, "a content part of type 'hologram'"), ({"type": "text", "text": 5}, "'text'"), (5, "5")]
)
def test_an_unknown_part(part: Any, found: str) -> None:
    with pytest.raises(UnknownForm) as caught:
        read_content([part], Counter())
    assert found in caught.value.found


@pytest.mark.parametrize(
    "value", [{"role": "user"}, {"content": "hi"}, {"type": "text", "text": "hi"}, "hi", None, {"role": "user", "content": 5}]
)
def test_what_is_no_message(value: Any) -> None:
    assert not is_message(value)


def test_what_is_a_part() -> None:
    assert is_part({"type": "text", "text": "hi"})
    assert is_part({"text": "hi", "url": None})
    assert not is_part({"text": "hi", "who": "me"})
    assert not is_part({"role": "user", "content": "hi", "type": "message"})
