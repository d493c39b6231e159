"""One prompt with one response: what an encoder gets, whatever file it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from probrm.data.messages import UnknownForm, is_message, is_part, read_content, read_turn
from probrm.errors import DataError

T = TypeVar("T")

Messages = list[dict[str, str]]
"""The chat form: ``[{"role": "user", "content": "…"}, …]``, oldest first."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and the response to it. Hashable, so that equal ones are encoded once.

    Attributes:
        prompt: plain text, or ``((role, content), …)`` in the chat form, oldest first, without the response.
        response: the answer's text.
    """

    prompt: tuple[tuple[str, str], ...] | str
    response: str

    @property
    def prompt_text(self) -> str:
        """The prompt as plain text: rows with the same one are answers to the same prompt.

        A chat of a single user message reads as that message, so it falls together with the same prompt given as text.
        """
        if isinstance(self.prompt, str):
            return self.prompt
        if len(self.prompt) == 1 and self.prompt[0][0] == "user":
            return self.prompt[0][1]
        return "\n\n".join(f"{role}: {content}" for role, content in self.prompt)

    @property
    def prompt_messages(self) -> Messages:
        """The prompt in the chat form; a plain text is one user message."""
        if isinstance(self.prompt, str):
            return [{"role": "user", "content": self.prompt}]
        return [{"role": role, "content": content} for role, content in self.prompt]


def conversations_of(prompt: Any, responses: Any) -> list[Conversation]:
    """Conversations from the forms in which code has them: one prompt with its responses, or as many prompts as responses.

    Args:
        prompt: text; messages in any form that ``probrm.data.messages`` reads; or a list of such prompts.
        responses: one response or n: text, or an assistant's message.

    Raises:
        DataError: something else; says what was found and what is allowed.
    """
    answers = list(responses) if isinstance(responses, Sequence) and not isinstance(responses, str) else [responses]
    several = isinstance(prompt, Sequence) and not isinstance(prompt, str) and not all(isinstance(one, Mapping) for one in prompt)
    prompts = list(prompt) if several else [prompt] * len(answers)
    if len(prompts) != len(answers):
        raise DataError(f"found {len(prompts)} prompts for {len(answers)} responses", fix="give one prompt, or a prompt for each response")
    return [Conversation(_prompt(one), _text(answer, "a response")) for one, answer in zip(prompts, answers, strict=True)]


def _prompt(prompt: Any) -> tuple[tuple[str, str], ...] | str:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, Sequence) and prompt and all(map(is_message, prompt)):
        return tuple(_known(read_turn, one, Counter(), "the content of a message") for one in prompt)
    raise DataError(f"a prompt: found {_shown(prompt)}", fix='give text, or messages [{"role": "user", "content": "…"}]')


def _text(value: Any, what: str) -> str:
    if isinstance(value, Mapping) and is_message(value):
        return _known(read_turn, value, Counter(), what)[1]
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and value and all(map(is_part, value)):
        return _known(read_content, value, Counter(), what)
    raise DataError(f"{what}: found {_shown(value)}", fix='give text, or {"role": "assistant", "content": "…"}')


def _known(read: Callable[[Any, Counter[str]], T], value: Any, left_out: Counter[str], what: str) -> T:
    """What ``read`` makes of it; code has no notes to say what was left out, so nothing may be."""
    try:
        found = read(value, left_out)
    except UnknownForm as error:
        raise DataError(f"{what}: found {error.found}; allowed: {error.allowed}", fix='give {"role": "user", "content": "…"}') from None
    if left_out:
        raise DataError(f"{what}: found a part of type {next(iter(left_out))!r}; allowed: texts", fix="leave parts without text out")
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
