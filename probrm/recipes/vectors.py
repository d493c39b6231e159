"""Texts to vectors, in code."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from probrm.data import Conversation
from probrm.encoders import EncoderConfig, encode_all
from probrm.inference.device import resolve_device
from probrm.progress import Progress, silent


def encode(
    texts: Sequence[Conversation], encoder: str | EncoderConfig = "default", *, device: str = "auto", progress: Progress = silent
) -> Float[Tensor, "n d"]:
    """Vectors of conversations, from the cache where they are.

    Args:
        texts: n of them: ``read_log(path).conversations``, or ``Conversation(prompt, response)``.
        encoder: a name, hub id or folder, or a configuration.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: shows the encoding.

    Raises:
        EncoderError: the encoder cannot be loaded.
    """
    config = encoder if isinstance(encoder, EncoderConfig) else EncoderConfig(name=encoder)
    return encode_all(texts, config, device=resolve_device(device), progress=progress).vectors
