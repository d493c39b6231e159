"""Blocks of a transformer compiled by torch: what a block does to each number between its matrix products becomes one pass over memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.distributions import Distribution

from probrm.encoders.forward import ForwardPass
from probrm.encoders.precision import AGREEMENT, agrees
from probrm.encoders.rendering import Rendered
from probrm.errors import EncoderError

_FIX = "leave encoder.compile out"


def compile_blocks(forward: ForwardPass, texts: Sequence[Rendered], label: str) -> None:
    """Compiles each block of the model in place (``torch.compile``, for any shape; blocks are alike, so it is done once).

    Args:
        forward: its model is on its device, in its precision.
        texts: that are encoded before and after, to see that vectors stay what they are.
        label: the encoder's, for messages.

    Raises:
        EncoderError: the blocks are not known, there is no compiler here, or vectors change.
    """
    blocks = forward.depth.blocks
    if blocks is None:
        raise EncoderError(f"encoder.compile: the layers of encoder '{label}' cannot be distinguished", fix=_FIX)
    reference, validated = forward(texts), Distribution._validate_args
    for block in blocks:
        block.forward = torch.compile(block.forward, dynamic=True)  # not the block itself: hooks look at what comes in
    try:
        vectors = forward(texts)
    except Exception as error:  # each compiler fails in its own way
        lines = str(error).strip().splitlines() or [""]
        raise EncoderError(
            f"encoder.compile: encoder '{label}' cannot be compiled here: {type(error).__name__}: {lines[0][:300]}", fix=_FIX
        ) from None
    finally:
        Distribution.set_default_validate_args(validated)  # torch's compiler turns the checks of distributions off for good
    if not agrees(reference, vectors):
        raise EncoderError(
            f"encoder.compile: vectors of encoder '{label}' fall below a cosine similarity of {AGREEMENT} to its own", fix=_FIX
        )
