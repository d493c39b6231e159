"""Texts of which only a part is tokenised have the tokens that they have as a whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from probrm.data.conversation import Conversation
from probrm.encoders import long_texts
from probrm.encoders.loading import load_tokenizer
from probrm.encoders.long_texts import LongTexts, cut
from probrm.encoders.rendering import Renderer
from probrm.encoders.resolving import resolve
from probrm.encoders.tokenizer_alone import tokenizer_alone

MOST = 16
WORDS = ["the", "answer", "aaaaaaaa", "naïve", "42", "x=1;", "日本語", "🙂", "e\u0301", "ﬁ", "I'm", "don't", "\u200b", "..."]
SPACES = [" ", " ", " ", "  ", "\n", "\n\n", "\t", "   \n", "\u3000", "\xa0"]


def prose(seed: int, count: int = 2_000) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choice(WORDS) + chosen.choice(SPACES) for _ in range(count))


TEXTS = {
    "words": prose(0),
    "other words": prose(1),
    "one word": "a" * 9_001,
    "one long word, then words": "ab" * 3_000 + " " + prose(2),
    "words, then one long word": prose(3) + "aab" * 3_000,
    "words around one": prose(4, 500) + "a" * 4_001 + " " + prose(5, 500),
    "white space": " " * 10_000,
    "white space, then words": "\n" * 20_000 + prose(6, 300),
    "words, then white space": prose(7, 300) + "\t" * 20_000,
    "Chinese": "汉字漢字" * 2_500,
    "letters apart": "a b " * 3_000,
    "unknown": "☃ " * 4_000,
    "just longer": ("word " * 206)[:1025],
    "short": "hello there",
    "halves of surrogate pairs": "\ud83d " * 3_000,
}


def trained(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of the kind that large models have, with pieces learnt from words."""
    lines = [prose(seed, 50) for seed in range(20)]
    if kind == "unigram":
        tokenizer, trainer = (
            Tokenizer(models.Unigram()),
            trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", special_tokens=["<unk>"]),
        )
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    elif kind == "sentencepiece bpe":  # as Llama 2 and Mistral have it: a text is one word, and spaces are marks in it
        tokenizer, trainer = Tokenizer(models.BPE(unk_token="<unk>")), trainers.BpeTrainer(vocab_size=150, special_tokens=["<unk>"])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=True)
        tokenizer.train_from_iterator(lines, trainer)
        tokenizer.pre_tokenizer = None  # type: ignore[assignment]
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer, trainer = (
            Tokenizer(models.BPE()),
            trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        )
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if kind != "sentencepiece bpe":
        tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=None)


@pytest.fixture(scope="module", params=["default", "bert", "gpt2", "llama", "unigram", "sentencepiece bpe", "byte-level bpe"])
def tokenizer(request: pytest.FixtureRequest, tiny: Callable[[str], Path]) -> Any:
    if request.param == "default":
        return tokenizer_alone()
    return load_tokenizer(resolve(str(tiny(request.param)))) if request.param in ("bert", "gpt2", "llama") else trained(request.param)


def test_every_input_is_that_of_the_whole_texts(tokenizer: Any, monkeypatch: pytest.MonkeyPatch):
    conversations = [Conversation(prompt, response) for prompt in TEXTS.values() for response in (TEXTS["words"], TEXTS["short"])]
    conversations += [Conversation(prompt, response) for prompt in (TEXTS["other words"], "hi") for response in TEXTS.values()]
    conversations.append(Conversation((("user", TEXTS["words"]), ("assistant", "so"), ("user", TEXTS["letters apart"])), TEXTS["words"]))
    parts = Renderer(tokenizer, text="pair", max_length=64)
    found = parts(conversations)
    with monkeypatch.context() as patch:
        patch.setattr(long_texts, "_PER_TOKEN", 10**6)
        whole = Renderer(tokenizer, text="pair", max_length=64)
        expected = whole(conversations)
    assert found == expected
    assert (parts.truncated, parts.merged) == (whole.truncated, whole.merged)
    assert parts._long._cuts


def test_long_texts_are_cut_before_they_are_tokenised():
    given: list[str] = []

    def words(texts: list[str]) -> list[list[int]]:
        given.extend(texts)
        return [[len(word) for word in text.split()] for text in texts]

    text = "first " + "word " * 1_000_000 + "last"
    found = LongTexts(words, MOST)({(text, False), (text, True), ("short", True)})
    assert sum(map(len, given)) < 10_000
    assert found["short", True] == [5]
    assert found[text, False][:MOST] == [5] + [4] * (MOST - 1)
    assert found[text, True][-MOST:] == [4] * MOST
    assert all(len(tokens) >= 2 * MOST for (one, _), tokens in found.items() if one == text)


def test_a_tokenizer_that_sees_the_whole_text_gets_it():
    def reversing(texts: list[str]) -> list[list[int]]:
        """The first token depends on the last word."""
        return [[ord(word[0]) for word in reversed(text.split())] for text in texts]

    text = " ".join(chr(ord("a") + i % 26) for i in range(20_000))
    found = LongTexts(reversing, MOST)({(text, False), (text, True)})
    assert found[text, False] == found[text, True] == reversing([text])[0]


@pytest.mark.parametrize(
    ("text", "end", "part"),
    [
        ("aa bb cc dd ee", False, "aa bb cc"),
        ("aa bb cc dd ee", True, " dd ee"),
        ("a" * 20, False, "a" * 20),
        ("a" * 20, True, "a" * 20),
        ("a" * 9 + "\n" + "a" * 10, False, "a" * 20),
    ],
)
def test_cuts_are_at_white_space_or_nowhere(text: str, end: bool, part: str):
    assert cut(text, 8, end=end) == part.replace("a" * 20, text)
