"""An exported folder compared with the run, before anybody gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from probrm.data import Conversation
from probrm.encoders.precision import PROBES
from probrm.encoders.rendering import Renderer
from probrm.encoders.transformer import TransformerEncoder
from probrm.errors import ConfigError
from probrm.exports.encoder import FittedEncoder
from probrm.exports.linear import LinearReward

TOLERANCE = 2e-5
"""Of a reward, logits, times its size where that is above one."""


def probes(encoder: FittedEncoder) -> list[Conversation]:
    """Short and long texts, chats, and, where they are read as text, names of special tokens."""
    tokenizer = encoder.tokenizer()
    tokenizer.model_max_length = int(1e30)  # it would warn of the long ones, which are left out
    renderer = Renderer(tokenizer, text=encoder.config.text, max_length=encoder.config.max_length)
    found = [*PROBES, Conversation((("user", "Hi"), ("assistant", "Hello"), ("user", "And now?")), "Now we talk.")]
    if renderer.form != "chat":
        found += [Conversation(f"What is {name}?", f"{name} stands between texts. {name}") for name in tokenizer.all_special_tokens]
    lengths = [len(text) for text in renderer(found)]
    return [text for text, length in zip(found, lengths, strict=True) if length < encoder.config.max_length]


def largest_difference(encoder: FittedEncoder, reward: LinearReward, scores: Callable[[Sequence[Conversation]], torch.Tensor]) -> float:
    """How far the folder's scores are from the run's rewards of the probes, with its encoder in float32: the most, logits.

    Raises:
        ConfigError: farther than float32 explains: this encoder has no exact form.
    """
    texts = probes(encoder)
    exact = TransformerEncoder(encoder.folder, replace(encoder.config, precision="float32", compile=False), torch.device("cpu"))
    expected = exact.encode(texts).double() @ reward.weights + reward.intercept
    off = (scores(texts).double() - expected).abs()
    if not bool((off <= TOLERANCE * expected.abs().clamp(min=1)).all()):
        layer = encoder.config.layer
        raise ConfigError(
            f"encoder {encoder.folder.label!r} at layer {layer}: the exported folder was written and tried, and its scores are off by up to "
            f"{float(off.max()):.2g} logits: its architecture or tokenizer has no exact form",
            fix='fit again with --set encoder.layer="last"' if isinstance(layer, int) else "fit with another encoder",
        )
    return float(off.max())
