from __future__ import annotations

import pytest

from probrm.data import Conversation
from probrm.encoders.loading import load_tokenizer
from probrm.encoders.rendering import Renderer
from probrm.encoders.resolving import resolve
from probrm.encoders.tokenizer_alone import tokenizer_alone

TEXTS = (
    "",
    "What is 2 + 2?",
    "[SEP] is no [CLS] here [MASK]",
    "Éclair, naïve, 한국어, 日本語 🙂",
    "a" * 300,
    "word " * 400,
    "\ud800 alone",
    "User:\nhi",
)


@pytest.mark.parametrize("length", [16, 256, 10**9], ids=str)
def test_the_same_tokens_as_with_the_model(length: int) -> None:
    """The renderer of a fit, on the tokenizer that it loads, and on the one without a model."""
    conversations = [Conversation(prompt, response) for prompt in TEXTS for response in TEXTS]
    conversations.append(Conversation((("system", "Be brief."), ("user", "Why?")), "Because."))
    alone = tokenizer_alone()
    assert alone is not None
    ours = Renderer(alone, text="pair", max_length=length)
    theirs = Renderer(load_tokenizer(resolve("default")), text="pair", max_length=length)
    assert ours(conversations) == theirs(conversations)
    assert (ours.form, ours.truncated, ours.merged) == ("pair", theirs.truncated, theirs.merged)
