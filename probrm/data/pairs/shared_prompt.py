"""One pair's texts or chats as a prompt with two responses."""

from __future__ import annotations

import enum
import re

from probrm.data.columns.texts import join_turns
from probrm.data.conversation import Conversation
from probrm.data.messages import Turns

Text = str | Turns
Sides = tuple[Conversation, Conversation]

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


class Unusable(enum.Enum):
    """Why a row is no pair, in the words that follow "3 of 60 rows"."""

    EMPTY = "have an empty or non-text prompt, chosen or rejected side"
    NO_ANSWER = "have a chat that does not end with a turn of the assistant"
    PROMPTS = "have a chosen and a rejected side that do not start with the same prompt"


def split_sides(prompt: Text | None, chosen: Text | None, rejected: Text | None, *, implicit: bool, at_words: bool) -> Sides | Unusable:
    """Cuts both sides where the prompt ends.

    Chats part where their messages first differ; what follows is the response, which starts and ends with a turn of the assistant
    (later turns are joined to it as text). A chat may repeat the prompt or go on after it. Plain texts with ``Human:`` and
    ``Assistant:`` turns, as Anthropic publishes them, become chats.

    Args:
        prompt: text, or a chat; None where it is missing.
        chosen: text, or a chat.
        rejected: likewise.
        implicit: whether the file has no prompts of its own, so that both sides start with it.
        at_words: with an implicit prompt, whether plain texts without turns are cut before the first word that differs.
    """
    if chosen is None or rejected is None or (prompt is None and not implicit):
        return Unusable.EMPTY
    if isinstance(chosen, str) and isinstance(rejected, str):
        if prompt is not None:
            return Conversation(prompt, chosen), Conversation(prompt, rejected)
        turns, others = parse_turns(chosen), parse_turns(rejected)
        if turns is None or others is None:
            return _cut_at_words(chosen, rejected) if at_words else Unusable.PROMPTS
        chosen, rejected = turns, others
    return _split_chats(prompt, _as_turns(chosen), _as_turns(rejected))


def parse_turns(text: str) -> Turns | None:
    """The turns of a text such as ``\\n\\nHuman: … \\n\\nAssistant: …``; None where it is no such text."""
    before, *pieces = _TURN.split("\n\n" + text.lstrip())
    if before or not pieces:
        return None
    return tuple((_ROLES[role], content.strip()) for role, content in zip(pieces[::2], pieces[1::2], strict=True))


def open_turns(prompt: Text | None) -> Text | None:
    """A prompt that is a text of turns up to where the assistant is to answer, as a chat; another one as it is."""
    turns = parse_turns(prompt) if isinstance(prompt, str) else None
    return turns[:-1] if turns is not None and len(turns) > 1 and turns[-1] == ("assistant", "") else prompt


def _split_chats(prompt: Text | None, chosen: Turns, rejected: Turns) -> Sides | Unusable:
    if chosen[-1][0] != "assistant" or rejected[-1][0] != "assistant":
        return Unusable.NO_ANSWER
    chats = _with_prompt(prompt, chosen), _with_prompt(prompt, rejected)
    longest = min(map(len, chats)) - 1  # each side keeps a message to answer with, even if the other goes on after the same one
    shared = next((i for i in range(longest) if chats[0][i] != chats[1][i]), longest)
    turns = chats[0][:shared]
    said = {content.strip() for _, content in turns}
    if not turns or any(chat[shared][0] != "assistant" for chat in chats) or (isinstance(prompt, str) and not _among(prompt, said)):
        return Unusable.PROMPTS
    answers = [join_turns(chat[shared:]) for chat in chats]
    if said == {""} or not all(answer.strip() for answer in answers):
        return Unusable.EMPTY
    asked = prompt if isinstance(prompt, str) and turns == (("user", prompt),) else turns
    return Conversation(asked, answers[0]), Conversation(asked, answers[1])


def _as_turns(side: Text) -> Turns:
    return (("assistant", side),) if isinstance(side, str) else side


def _with_prompt(prompt: Text | None, side: Turns) -> Turns:
    if prompt is None:
        return side
    if isinstance(prompt, str):
        return side if side[0][0] != "assistant" else (("user", prompt), *side)
    repeated = side[0][0] != "assistant" and all(turn in side for turn in prompt)
    return side if repeated else prompt + side


def _among(prompt: str, said: set[str]) -> bool:
    return any(prompt.strip() in content or (content and content in prompt) for content in said)


def _cut_at_words(chosen: str, rejected: str) -> Sides | Unusable:
    """TRL cuts at the first character that differs; a word is kept whole here."""
    same = zip(chosen, rejected, strict=False)
    shared = chosen[: next((i for i, (a, b) in enumerate(same) if a != b), min(len(chosen), len(rejected)))]
    cut = max((found.start() for found in re.finditer(r"\s+", shared)), default=0)
    if not shared[:cut].strip():
        return Unusable.PROMPTS
    if not chosen[cut:].strip() or not rejected[cut:].strip():
        return Unusable.EMPTY
    return Conversation(chosen[:cut], chosen[cut:]), Conversation(chosen[:cut], rejected[cut:])
