"""A folder for AutoModelForSequenceClassification against the run: batches, padding, typed special tokens, trainers' ways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from probrm.errors import ConfigError
from probrm.exports import export_run
from probrm.exports.classifier import PAD
from probrm.runs import Run
from tests.probrm.exports.test_cross_encoder import PAIRS, rewards
from tests.small_runs import tiny_run

OPEN: dict[str, Any] = {"normalize": False}
CHATS = [("What is 3 + 4?", "7"), ("Hi", "Hello! " * 6), ("a", "b"), ("And now?", "Sorry, no idea."), ("x" * 30, "y")]


class Exported:
    """The folder, loaded as its users load it."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.found = export_run(run, folder, to="transformers")
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    @torch.inference_mode()
    def scores(self, inputs: Any) -> np.ndarray:
        return self.model(**inputs).logits[:, 0].numpy()

    def pairs(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        parts = [pairs[i : i + batch] for i in range(0, len(pairs), batch)]
        return np.concatenate(
            [self.scores(self.tokenizer([p for p, _ in part], [r for _, r in part], padding=True, return_tensors="pt")) for part in parts]
        )

    def chats(self, pairs: Sequence[tuple[str, str]], batch: int, side: str = "right") -> np.ndarray:
        self.tokenizer.padding_side = side
        parts = [[self.text(*pair) for pair in pairs[i : i + batch]] for i in range(0, len(pairs), batch)]
        # As TRL does: the rendered chat, and no special tokens added to it.
        encoded = (self.tokenizer(part, padding=True, add_special_tokens=False, return_tensors="pt") for part in parts)
        return np.concatenate([self.scores(inputs) for inputs in encoded])

    def text(self, prompt: str, response: str) -> str:
        chat = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        return self.tokenizer.apply_chat_template(chat, tokenize=False)


@pytest.mark.parametrize(
    ("family", "how"),
    [
        ("bert-types", {"pooling": "cls"}),
        ("bert", {"pooling": "cls", "layer": 1}),
        ("roberta", {"pooling": "cls", "max_length": 60}),
        ("distilbert", {"pooling": "cls"}),
        ("electra", {"pooling": "cls"}),
        ("eurobert", {"pooling": "mean"}),
        ("eurobert", {"pooling": "cls"}),
    ],
)
def test_an_encoders_scores_are_the_runs(family: str, how: dict[str, Any], tmp_path: Path) -> None:
    run = tiny_run(family, **OPEN, **how)
    exported = Exported(run, tmp_path / "out")
    pairs = [pair for pair in PAIRS if family != "roberta" or len("".join(pair)) < 50]
    expected = rewards(run, pairs)
    for batch in (1, 2, 8):
        np.testing.assert_allclose(exported.pairs(pairs, batch), expected, atol=2e-5)
    assert np.ptp(expected) > 0.01
    assert (exported.model.config.num_labels, exported.model.config.problem_type) == (1, "regression")


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_a_decoders_scores_are_the_runs_but_for_the_intercept(family: str, tmp_path: Path) -> None:
    run = tiny_run(family, pooling="last", **OPEN)
    exported = Exported(run, tmp_path / "out")
    config, expected = exported.model.config, rewards(run, CHATS)
    assert config.mean == config.logit_mean == -exported.found.intercept
    for batch, side in itertools.product((1, 2, 8), ("left", "right")):
        np.testing.assert_allclose(exported.chats(CHATS, batch, side) - config.mean, expected, atol=1e-5)
    assert np.ptp(expected) > 0.001
    assert config.std == config.logit_sigma == 1


@pytest.mark.parametrize(("family", "pad"), [("llama", PAD), ("qwen3", "<|pad|>")])
def test_a_text_that_ends_in_the_end_token_is_scored_there(family: str, pad: str, tmp_path: Path) -> None:
    """Trainers append it; were it the padding, another token would be scored as soon as there is padding."""
    exported = Exported(tiny_run(family, pooling="last", **OPEN), tmp_path / "out")
    tokenizer = exported.tokenizer
    assert tokenizer.pad_token == pad
    assert tokenizer.pad_token_id == exported.model.config.pad_token_id != tokenizer.eos_token_id
    assert tokenizer.pad_token_id < exported.model.get_input_embeddings().num_embeddings
    short, long = (exported.text(*pair) + tokenizer.eos_token for pair in (CHATS[2], CHATS[1]))
    alone = exported.scores(tokenizer([short], add_special_tokens=False, return_tensors="pt"))
    for tokenizer.padding_side in ("left", "right"):
        together = exported.scores(tokenizer([short, long], padding=True, add_special_tokens=False, return_tensors="pt"))
        np.testing.assert_allclose(alone[0], together[0], atol=1e-5)
    without = exported.scores(tokenizer([exported.text(*CHATS[2])], add_special_tokens=False, return_tensors="pt"))
    assert abs(float(alone[0] - without[0])) > 1e-4


def test_a_bert_without_special_tokens_is_another_reward_and_the_card_says_so(tmp_path: Path) -> None:
    run = tiny_run("bert", pooling="cls", **OPEN)
    exported = Exported(run, tmp_path / "out")
    joined = [prompt + response for prompt, response in PAIRS]
    found = exported.scores(exported.tokenizer(joined, padding=True, add_special_tokens=False, return_tensors="pt"))
    assert np.abs(found - rewards(run, PAIRS)).max() > 0.01
    assert "tokenised as pairs, with special tokens" in (tmp_path / "out" / "README.md").read_text()


def test_responses_alone(tmp_path: Path) -> None:
    run = tiny_run("bert", pooling="cls", text="response", **OPEN)
    exported = Exported(run, tmp_path / "out")
    inputs = exported.tokenizer([response for _, response in PAIRS], padding=True, return_tensors="pt")
    np.testing.assert_allclose(exported.scores(inputs), rewards(run, PAIRS), atol=2e-5)


def test_the_clock_of_a_template_is_stopped(tmp_path: Path) -> None:
    """A template that writes the day would give other rewards tomorrow."""
    run = tiny_run("llama-clock", pooling="last", **OPEN)
    exported = Exported(run, tmp_path / "out")
    np.testing.assert_allclose(exported.chats(CHATS, 2) - exported.model.config.mean, rewards(run, CHATS), atol=1e-5)
    assert "26 Jul 2024" in exported.text("a", "b")


@pytest.mark.parametrize(
    ("family", "how", "message", "fix"),
    [
        ("bert", {"pooling": "cls"}, "scaled to length one", "encoder.normalize=false"),
        ("bert", {"pooling": "mean", **OPEN}, "pools by encoder.pooling='mean', and BertForSequenceClassification by 'cls'", '="cls"'),
        ("bert", {"pooling": "response", **OPEN}, "pools by encoder.pooling='response'", '="cls"'),
        ("llama", {"pooling": "mean", **OPEN}, "LlamaForSequenceClassification by 'last'", '="last"'),
        ("llama", {"pooling": "last", "layer": 1, **OPEN}, "its scores are off by", 'encoder.layer="last"'),
        ("modernbert", {"pooling": "mean", **OPEN}, "ModernBertForSequenceClassification cannot hold", "sentence-transformers"),
        ("gpt2", {"pooling": "last", **OPEN}, "GPT2ForSequenceClassification cannot hold", "Llama"),
        ("t5", {"pooling": "mean", **OPEN}, "encoder–decoder", "BERT-like"),
    ],
)
def test_what_has_no_exact_form(family: str, how: dict[str, Any], message: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        export_run(tiny_run(family, **how), tmp_path / "out", to="transformers")
    assert fix in caught.value.fix
    assert not list(tmp_path.iterdir())
