"""Chats that a template has written as one text, read back into messages."""

from __future__ import annotations

import re
from typing import Any

from probrm.errors import DataError

_TURNS = (
    re.compile(r"<\|im_start\|>(?P<role>\w+)\n(?P<text>.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL),  # ChatML: Qwen
    re.compile(r"<\|start_header_id\|>(?P<role>\w+)<\|end_header_id\|>\n\n(?P<text>.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL),  # Llama 3
    re.compile(r"<start_of_turn>(?P<role>\w+)\n(?P<text>.*?)(?:<end_of_turn>\n?|\Z)", re.DOTALL),  # Gemma
)
_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<eos>", "</s>")
_BEGINS = re.compile(r"\A(?:<\|begin_of_text\|>|<bos>|<s>)+")
_MARK = re.compile(r"<\|[\w▁｜|]+\|>|<｜[^｜]+｜>|<(?:start|end)_of_turn>|\[/?INST\]")


def read_chat(text: str, *, answer: bool = False) -> Any:
    """Messages ``[{"role": …, "content": …}]``; of a text without marks, and of an answer, the text itself.

    Args:
        text: what a chat template wrote, to the beginning of the answer; or the answer, with the tokens that end it.
        answer: which of the two.

    Raises:
        DataError: it has marks of another template.
    """
    bare = _without_ends(text) if answer else _BEGINS.sub("", text)
    pattern = None if answer else next((turn for turn in _TURNS if turn.search(bare)), None)
    if pattern is None:
        _check(bare)
        return bare
    found = list(pattern.finditer(bare))
    turns = [(match["role"], match["text"].strip()) for match in found]
    if turns[-1][0] in ("assistant", "model") and not turns[-1][1] and not found[-1][0].rstrip().endswith(_ENDS):
        turns.pop()  # where the answer begins
    outside = pattern.sub("", bare).strip()
    _check(outside, *(content for _, content in turns))
    if outside:
        raise DataError("found text outside of the turns of its chat template", fix="send what the template wrote, from its first mark on")
    return [{"role": "assistant" if role == "model" else role, "content": content} for role, content in turns]


def _without_ends(text: str) -> str:
    end = len(text)
    while True:  # over places, not over ever shorter copies
        while end and text[end - 1].isspace():
            end -= 1
        mark = next((mark for mark in _ENDS if text.endswith(mark, 0, end)), None)
        if mark is None:
            return text[:end]
        end -= len(mark)


def _check(*texts: str) -> None:
    for text in texts:
        if mark := _MARK.search(text):
            raise DataError(
                f"found {mark[0]!r}, a mark of a chat template that is not known here; known: those of Qwen (ChatML), Llama 3 and Gemma",
                fix="train with another template, or serve the reward and send messages",
            )
