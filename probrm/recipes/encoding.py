"""Vectors of texts from the encoder that a run was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from probrm.data import Conversation
from probrm.encoders import Encoded, Encoder, EncoderConfig, embed, encode_all
from probrm.errors import EncoderError
from probrm.inference.device import resolve_device
from probrm.progress import Progress, silent
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.encoders import TransformerEncoder


def run_vectors(
    run: Run, conversations: Sequence[Conversation], *, embeddings: str | Encoder | None = None, progress: Progress = silent
) -> Encoded:
    """Vectors of the texts of a file, through the cache on disk.

    Raises:
        EncoderError: they are not those of the encoder that the run was fitted on.
    """
    known = run.record["encoder"]
    return encode_all(
        conversations,
        EncoderConfig.restore(known["config"]),
        device=resolve_device("auto"),
        embeddings=embeddings,
        expected_key=known["key"],
        expected_dim=known["dim"],
        progress=progress,
    )


def vectors_now(run: Run, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "n d"]:
    """Vectors of a few texts given in code: the encoder stays in memory, nothing is written to disk.

    Raises:
        EncoderError: the encoder cannot be loaded, or is not the one that the run was fitted on.
    """
    known = run.record["encoder"]
    encoder = _encoder(EncoderConfig.restore(known["config"]), resolve_device("auto"))
    vectors = embed(encoder, conversations, progress=progress)
    if encoder.key != known["key"]:
        raise EncoderError(
            f"encoder {encoder.config.name!r} is not the one that the run was fitted on: the model's files or settings differ",
            fix="use the encoder files of the fit, or fit again",
        )
    return vectors


def given_vectors(
    run: Run, conversations: Sequence[Conversation], *, embeddings: str | Encoder | None, cache: bool, progress: Progress
) -> Float[Tensor, "n d"]:
    """Vectors of texts given in code: through the cache, from a store, or now; see ``Recipe.reward``."""
    if cache or embeddings:
        return run_vectors(run, conversations, embeddings=embeddings, progress=progress).vectors
    return vectors_now(run, conversations, progress=progress)


@lru_cache(maxsize=1)
def _encoder(config: EncoderConfig, device: str) -> TransformerEncoder:
    from probrm.encoders import load_encoder  # transformers: seconds, which vectors in the cache do not need

    return load_encoder(config, device=device)
