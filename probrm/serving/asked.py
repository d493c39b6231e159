"""From what was asked to conversations, within the limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probrm.data import Conversation
from probrm.data.conversation import conversations_of
from probrm.errors import DataError
from probrm.integrations.chat_texts import read_chat
from probrm.integrations.openrlhf import answers_of
from probrm.serving.faults import Refused
from probrm.serving.forms import ClassifyAsked, Prompt, RankAsked, RewardAsked, ScoreAsked
from probrm.serving.limits import Limits


def of_score(asked: ScoreAsked, limits: Limits) -> list[Conversation]:
    """One an item."""
    _few(len(asked.items), limits)
    return _short((_one(item.prompt, item.response) for item in asked.items), limits)


def of_rank(asked: RankAsked, limits: Limits) -> list[Conversation]:
    """One a response."""
    _few(len(asked.responses), limits)
    return _short((_one(asked.prompt, response) for response in asked.responses), limits)


def of_reward(asked: RewardAsked, limits: Limits) -> list[Conversation]:
    """One a query."""
    _few(len(asked.query), limits)
    if len(asked.query) != len(asked.prompts):
        raise Refused(422, f"query: {len(asked.query)} entries; prompts: {len(asked.prompts)}", "send a prompt for each query")
    _check_lengths(asked.query, limits)
    return _short((conversations_of([p], [a])[0] for p, a in answers_of(asked.query, asked.prompts)), limits)


def of_classify(asked: ClassifyAsked, limits: Limits) -> list[Conversation]:
    """One a text, or the one chat.

    Raises:
        Refused: neither; or a text whose answer cannot be told from its prompt.
    """
    if (asked.input is None) == (asked.messages is None):
        raise Refused(
            422, "input, messages: one of the two has to be there", '{"messages": [{"role": "user", …}, {"role": "assistant", …}]}'
        )
    if None not in (asked.use_activation, asked.activation) and asked.use_activation != asked.activation:
        raise Refused(422, "use_activation and activation: they say different things", "send use_activation alone")
    if asked.messages is not None:
        return _short([_chat([message.model_dump() for message in asked.messages], "messages")], limits)
    return of_texts(asked.input or [], limits)


def of_texts(given: str | list[str], limits: Limits) -> list[Conversation]:
    """Of texts that a chat template wrote.

    Raises:
        Refused: an answer cannot be told from its prompt.
    """
    texts = [given] if isinstance(given, str) else given
    _few(len(texts), limits)
    _check_lengths(texts, limits)
    return [_read(text, f"input.{i}") for i, text in enumerate(texts)]


def _read(text: str, place: str) -> Conversation:
    try:
        found = read_chat(text)
    except DataError as error:
        raise Refused(422, f"{place}: {error.what}", error.fix) from None
    if isinstance(found, str):
        raise Refused(
            422,
            f"{place}: no marks of a chat template in it, so its answer cannot be told from its prompt; known: Qwen's (ChatML), Llama 3's, Gemma's",
            'send {"messages": [{"role": "user", …}, {"role": "assistant", …}]}, or POST /score',
        )
    return _chat(found, place)


def _chat(messages: Sequence[dict[str, str]], place: str) -> Conversation:
    if len(messages) < 2 or messages[-1]["role"] not in ("assistant", "model"):
        raise Refused(422, f"{place}: the last message has to be the assistant's, after a prompt", "send the whole chat with its answer")
    return conversations_of([list(messages[:-1])], [messages[-1]["content"]])[0]


def _one(prompt: Prompt, response: str) -> Conversation:
    if isinstance(prompt, str):
        return Conversation(prompt, response)
    if not prompt:
        raise DataError("prompt: an empty list of messages", fix='send text, or [{"role": "user", "content": "…"}]')
    return conversations_of([[message.model_dump() for message in prompt]], [response])[0]


def _few(count: int, limits: Limits) -> None:
    if not count:
        raise Refused(422, "no text in the request", "send one at least")
    if count > limits.texts:
        raise Refused(413, f"{count} texts in one request; allowed: {limits.texts}", "send them in several requests")


def _short(texts: Iterable[Conversation], limits: Limits) -> list[Conversation]:
    found = list(texts)
    _check_lengths([one.prompt_text + one.response for one in found], limits)
    return found


def _check_lengths(texts: Sequence[str], limits: Limits) -> None:
    for i, text in enumerate(texts):
        if len(text) > limits.characters:
            raise Refused(413, f"text {i}: {len(text)} characters; allowed: {limits.characters}", "send shorter texts")
