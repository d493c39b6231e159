"""Texts that are scored: what is read of their file, and vectors from the encoder of the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, Conversation, Log, LogSpec
from probrm.data.columns import NATIVE
from probrm.encoders import Encoded, Encoder, EncoderConfig, TransformerEncoder, embed, encode_all, load_encoder
from probrm.errors import EncoderError
from probrm.inference.device import resolve_device
from probrm.progress import Progress, silent
from probrm.runs.run import Run

_TEXTS = ("prompt", "messages", "response")


def without_actions(spec: LogSpec, *kept: str) -> LogSpec:
    """The fit's way of reading, for files that may lack what only a fit needs.

    A reward depends on the texts and the reward's covariates; actions, users and propensity covariates do not matter to it.

    Args:
        spec: of the fitted log.
        kept: native columns that are read beside the texts.
    """
    kept = (*_TEXTS, *kept)
    columns = {name: "" for name in NATIVE if name not in kept} | {name: column for name, column in spec.columns.items() if name in kept}
    return replace(spec, columns=columns, propensity_features=(), derive=())


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
        EncoderConfig(**known["config"]),
        device=resolve_device("auto"),
        embeddings=embeddings,
        expected_key=known["key"],
        progress=progress,
    )


def vectors_now(run: Run, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "n d"]:
    """Vectors of a few texts given in code: the encoder stays in memory, nothing is written to disk.

    Raises:
        EncoderError: the encoder cannot be loaded, or is not the one that the run was fitted on.
    """
    known = run.record["encoder"]
    encoder = _encoder(EncoderConfig(**known["config"]), resolve_device("auto"))
    vectors = embed(encoder, conversations, progress=progress)
    if encoder.key != known["key"]:
        raise EncoderError(
            f"encoder {encoder.config.name!r} is not the one that the run was fitted on: the model's files or settings differ",
            fix="use the encoder files of the fit, or fit again",
        )
    return vectors


@lru_cache(maxsize=1)
def _encoder(config: EncoderConfig, device: str) -> TransformerEncoder:
    return load_encoder(config, device=device)


def scored_batch(run: Run, log: Log, embeddings: str | Encoder | None, progress: Progress) -> tuple[Batch, list[str]]:
    """The rows of a file without what only a propensity sees, and notes."""
    encoded = run_vectors(run, log.conversations, embeddings=embeddings, progress=progress)
    batch = run.inputs.batch(log, encoded.vectors, covariates=False)
    return batch, log.notes + run.inputs.unknown_levels(log) + encoded.notes
