"""A reward is the answer's own: it does not depend on what is scored with it, on padding, or on threads. See docs/reliability.md."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from probrm.data import Conversation
from probrm.encoders import EncoderConfig, TransformerEncoder, forward, load_encoder, resolving
from probrm.runs import Run, find_recipe, load
from tests import support
from tests.small_runs import tiny_run

TOLERANCE = 1e-5
"""Of a reward, in logits, with the encoder in float32: the promise. Measured: 3.3e-7 at most."""
QUESTION = "How do I boil an egg?"
TEXTS = [
    *(Conversation(QUESTION, "Boil it. " * n) for n in (1, 2, 3, 4)),
    *(Conversation(QUESTION, f"{n} minutes") for n in range(8)),
    Conversation(QUESTION, "[PAD][PAD]"),
    Conversation("Hi", "<|im_end|>"),
    Conversation("A long question that pads the others. " * 3, "yes"),
]


def rewards(run: Run, encoder: TransformerEncoder, texts: Sequence[Conversation], *, together: int, threads: int = 1) -> np.ndarray:
    """Rewards of texts that are scored so many at a time, by an encoder as it is loaded anew for each command."""
    recipe = find_recipe(run.kind)
    with mock.patch.object(forward, "encoding_threads", return_value=threads):
        parts = [texts[start : start + together] for start in range(0, len(texts), together)]
        found = [recipe.batch_rewards(run, recipe.vector_batch(run, encoder.encode(part))) for part in parts]
    return np.concatenate([part.reward for part in found])


def check(run: Run, make: Callable[[int | None], TransformerEncoder]) -> None:
    """Over batch sizes, budgets of tokens, orders and threads."""
    encoder, whole = make(None), len(TEXTS)
    base = rewards(run, encoder, TEXTS, together=1)
    assert base.std() > 100 * TOLERANCE
    for together in (2, 8, whole):
        np.testing.assert_allclose(rewards(run, encoder, TEXTS, together=together), base, atol=TOLERANCE, rtol=0)
    for budget in (1, 300, 100_000):
        np.testing.assert_allclose(rewards(run, make(budget), TEXTS, together=whole), base, atol=TOLERANCE, rtol=0)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(whole)
        found = rewards(run, encoder, [TEXTS[i] for i in order], together=whole)
        np.testing.assert_allclose(found, base[order], atol=TOLERANCE, rtol=0)
    for threads in (1, 2, 4):
        np.testing.assert_allclose(rewards(run, encoder, TEXTS, together=whole, threads=threads), base, atol=TOLERANCE, rtol=0)
    once, again = (rewards(run, make(None), TEXTS, together=whole) for _ in range(2))
    assert np.array_equal(once, again)  # to the bit


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama"])
def test_with_small_encoders_whatever_side_they_pad_on(family: str, side: str, tmp_path: Path) -> None:
    pooling = "mean" if family in ("bert", "roberta") else "last"
    run = tiny_run(family, pooling=pooling)
    folder = shutil.copytree(run.record["encoder"]["config"]["name"], tmp_path / "model")
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "padding_side": side}))
    config = replace(EncoderConfig.restore(run.record["encoder"]["config"]), name=str(folder), max_length=60)
    check(run, lambda budget: load_encoder(replace(config, batch_tokens=budget)))


def test_with_the_default_encoder() -> None:
    pytest.importorskip(resolving.OFFLINE_PACKAGE, reason="needs probrm[offline]")
    run = load(support.run_path())
    config = replace(EncoderConfig.restore(run.record["encoder"]["config"]), precision="float32")
    check(run, lambda budget: load_encoder(replace(config, batch_tokens=budget)))


def test_of_the_posterior_alone_blocks_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws are taken in blocks of rows where there are many; every column of a score is the same then."""
    from probrm.posterior import rewards as room

    run = tiny_run("bert")
    vectors, recipe = load_encoder(EncoderConfig.restore(run.record["encoder"]["config"])).encode(TEXTS), find_recipe(run.kind)
    whole = recipe.batch_rewards(run, recipe.vector_batch(run, vectors))
    monkeypatch.setattr(room, "_NUMBERS", 3 * 50)
    parts = recipe.batch_rewards(run, recipe.vector_batch(run, vectors))
    for name in ("reward", "reward_sd", "reward_low", "reward_high", "probability", "probability_low", "epistemic_sd", "aleatoric_sd"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=TOLERANCE, rtol=0)
