"""Written by templates, read back."""

from __future__ import annotations

from typing import Any

import pytest

from probrm.errors import DataError
from probrm.integrations.chat_texts import read_chat

CHAT = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "What\nnow?"}]
QWEN = "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nWhat\nnow?<|im_end|>\n<|im_start|>assistant\n"
LLAMA = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe short.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nWhat\nnow?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)
GEMMA = "<bos><start_of_turn>system\nBe short.<end_of_turn>\n<start_of_turn>user\nWhat\nnow?<end_of_turn>\n<start_of_turn>model\n"


@pytest.mark.parametrize("text", [QWEN, LLAMA, GEMMA])
def test_a_prompt(text: str) -> None:
    assert read_chat(text) == CHAT


def test_turns_of_an_assistant_before() -> None:
    earlier = QWEN + "Hello<|im_end|>\n<|im_start|>user\nAgain<|im_end|>\n<|im_start|>assistant\n"
    assert read_chat(earlier) == [*CHAT, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Again"}]


@pytest.mark.parametrize("end", ["", "<|im_end|>", "<|im_end|>\n<|endoftext|>", "<|eot_id|>", "<eos>", "</s>"])
def test_an_answer_loses_the_tokens_that_end_it(end: str) -> None:
    assert read_chat("Seven. <b>7</b>" + end, answer=True) == "Seven. <b>7</b>"


@pytest.mark.parametrize("text", ["What is 3 < 4?", "a <s> b", "x | y"])
def test_a_text_without_marks_is_itself(text: str) -> None:
    assert read_chat(text) == text


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("[INST] Hi [/INST]", {}),
        ("<|user|>\nHi<|assistant|>\n", {}),
        ("<｜User｜>Hi<｜Assistant｜>", {}),
        (QWEN + "<|tool|>", {}),
        ("Hi <|im_start|>user\nmore", {"answer": True}),
    ],
)
def test_marks_that_are_not_known_are_refused(text: str, how: dict[str, Any]) -> None:
    """Read as text they would be part of what is judged."""
    with pytest.raises(DataError, match="a mark of a chat template that is not known here"):
        read_chat(text, **how)
