"""Records that annotators saw: which of their fields are the prompt and the answers, and what was given to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probrm.data.products.contents import chat_of, text_of
from probrm.data.products.product import Answer, Messages

_PROMPTS = ("prompt", "question", "instruction", "query", "input", "messages", "chat", "conversation", "context", "user_prompt")
_ANSWER = re.compile(
    r"^(?:response|answer|output|completion|reply|generation|text|model_output|assistant)[-_ ]?(?P<number>[a-z]|\d+)?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Texts:
    """The prompt of a record and its answers by the names of their fields; ``used`` are the fields that they come from."""

    prompt: Messages
    answers: Mapping[str, str]
    used: frozenset[str]


@dataclass(frozen=True)
class Given:
    """What one annotator gave to one record: values by question."""

    id: str
    texts: Texts
    user: str | None
    values: Mapping[str, Any]
    fields: Mapping[str, Any]


def texts_of(fields: Mapping[str, Any]) -> Texts:
    """The prompt and the answers among a record's fields, in the order of the fields."""
    asked = next((name for name in _PROMPTS if name in fields), None)
    answers = {name: text_of(value) for name, value in fields.items() if name != asked and _ANSWER.match(name) and text_of(value).strip()}
    prompt = chat_of(fields[asked]) if asked else ()
    return Texts(prompt, answers, frozenset({*answers, *([asked] if asked else ())}))


def answers_of(given: Sequence[Given]) -> list[Answer]:
    """One row for each annotator of each record with a single answer."""
    found = []
    for one in given:
        response = next(iter(one.texts.answers.values()), "") if len(one.texts.answers) == 1 else ""
        more = {
            name: value for name, value in one.fields.items() if name not in one.texts.used and isinstance(value, str | int | float | bool)
        }
        values = {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in one.values.items()}
        found.append(Answer(one.id, one.texts.prompt, response, one.user, one.id.rpartition("/")[0], None, values, more))
    return found
