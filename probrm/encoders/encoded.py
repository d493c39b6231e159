"""Vectors for a command: from a store where one is named, else from an encoder through the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.encoders.base import Encoder, Preparable
from probrm.encoders.cache import EmbeddingCache
from probrm.encoders.config import EncoderConfig
from probrm.encoders.embedding import cached, embed
from probrm.encoders.identity import content_hash, vectors_key
from probrm.encoders.observed import Observed
from probrm.encoders.precision import candidate, find_device
from probrm.encoders.resolving import resolve
from probrm.encoders.settled import Settled, question, recall, remember
from probrm.encoders.store import read_store
from probrm.errors import ConfigError, EncoderError
from probrm.progress import Progress, silent

if TYPE_CHECKING:
    from probrm.encoders.layers import LayerChoice
    from probrm.encoders.transformer import TransformerEncoder


@dataclass(frozen=True)
class Encoded:
    """Vectors and where they come from.

    Attributes:
        vectors: one a conversation, ``(n, d)``.
        key: of the encoder.
        config: the settings in force, precision and layers settled; scoring uses the same.
        notes: what a user should be told.
        layers: how layers were chosen, if they were: see ``LayerChoice``.
    """

    vectors: Float[Tensor, "n d"]
    key: str
    config: EncoderConfig
    notes: list[str]
    layers: list[dict[str, Any]] = field(default_factory=list)


def encode_all(
    conversations: Sequence[Conversation],
    config: EncoderConfig,
    *,
    device: str = "cpu",
    embeddings: str | Encoder | None = None,
    observed: Callable[[], Observed | None] | None = None,
    expected_key: str | None = None,
    expected_dim: int | None = None,
    progress: Progress = silent,
) -> Encoded:
    """Encodes all conversations.

    Args:
        conversations: n of them.
        config: which encoder.
        device: where it runs.
        embeddings: a store of precomputed vectors, or an encoder of your own, used instead of ``config``.
        observed: gives what a layer that is ``"auto"`` is chosen by; called where there is such a layer.
        expected_key: refuse vectors of any other encoder: those that a run was fitted on.
        expected_dim: their length; with it, vectors that are all in the cache are taken from there, and no encoder is loaded.
        progress: shows the encoding.

    Raises:
        ConfigError: a layer that there is not, or one to be chosen and nothing to choose it by.
        EncoderError: the encoder cannot be loaded, or is not the expected one.
        DataError: the store is damaged or lacks a text.
    """
    cache = EmbeddingCache()
    if embeddings is None:
        if expected_key is not None and expected_dim is not None:
            vectors = cached(expected_key, expected_dim, conversations, cache)
            if vectors is not None:
                return Encoded(vectors, expected_key, config, [*cache.notes])
        config = config.with_layers()
        seen = observed() if observed is not None and config.chooses else None
        return _by_transformer(conversations, config, device, seen, expected_key, cache, progress)
    encoder = read_store(embeddings) if isinstance(embeddings, str) else embeddings
    if missing := [name for name in ("dim", "key", "encode") if not hasattr(encoder, name)]:
        raise ConfigError(
            f"encoder: found {type(encoder).__name__} without {', '.join(missing)}",
            fix="give it dim, key (a text that changes whenever its vectors do) and encode(conversations, *, progress)",
        )
    if isinstance(encoder, Preparable):
        encoder.prepare(list(dict.fromkeys(conversations)))
    _check(encoder.key, expected_key, str(embeddings))
    vectors = embed(encoder, conversations, cache=cache, progress=progress)
    return Encoded(vectors, encoder.key, getattr(encoder, "config", config), [*getattr(encoder, "notes", []), *cache.notes])


def _by_transformer(
    conversations: Sequence[Conversation],
    config: EncoderConfig,
    device: str,
    observed: Observed | None,
    expected_key: str | None,
    cache: EmbeddingCache,
    progress: Progress,
) -> Encoded:
    """Without loading the model where its settings are remembered and all vectors are there."""
    folder = resolve(config.name)
    if expected_key is not None and config.chooses:  # a run on a store names no layer, and nothing was observed of new texts
        _check("", expected_key, f"encoder {config.name!r}")
    place = find_device(device)
    chosen_by = None if observed is None else observed.digest(conversations)
    asked = question(folder.files, config, device=f"{place.type} {candidate(place)}", observed=chosen_by)
    known = recall(cache.folder, asked, config)
    if known is not None:
        key = vectors_key(folder.files, known.config)
        _check(key, expected_key, f"encoder {config.name!r}")
        vectors = cached(key, known.dim, conversations, cache)
        if vectors is not None:
            return Encoded(vectors, key, known.config, [*known.notes, *cache.notes], known.layers)
    from probrm.encoders.transformer import TransformerEncoder  # transformers: seconds

    encoder = TransformerEncoder(folder, config if known is None else known.config, place)
    if known is None:
        encoder.prepare(list(dict.fromkeys(conversations)))
        choices = _choose(encoder, conversations, observed, cache, progress) if encoder.config.chooses else []
        on_model = [*encoder.loading_notes, *(choice.note for choice in choices)]
        known = Settled(encoder.config, encoder.dim, on_model, [choice.to_dict() for choice in choices])
        _check(encoder.key, expected_key, f"encoder {config.name!r}")  # before the long part, not after it
        remember(cache.folder, asked, known)
    if all(conversation.response for conversation in conversations):
        encoder.without_prompts()
    vectors = embed(encoder, conversations, cache=cache, progress=progress)
    notes = list(dict.fromkeys([*known.notes, *encoder.notes, *cache.notes]))
    return Encoded(vectors, encoder.key, known.config, notes, known.layers)


def _choose(
    encoder: TransformerEncoder, conversations: Sequence[Conversation], observed: Observed | None, cache: EmbeddingCache, progress: Progress
) -> list[LayerChoice]:
    """Settles the layers that are still open, on a subsample whose vectors are kept."""
    layer, prompt_layer = encoder.config.layer, encoder.config.prompt_layer
    assert layer is not None
    assert prompt_layer is not None
    asked = any(not conversation.response for conversation in conversations) if observed is None else observed.prompt is not None
    if prompt_layer == "auto" and not asked:
        prompt_layer = "last"  # no model sees a prompt's own vector
    if observed is None or "auto" not in (layer, prompt_layer):
        encoder.use_layers(layer, prompt_layer)
        return []
    from probrm.encoders.layers import choose_layer, choose_prompt_layer

    sample = observed.subsample()
    if prompt_layer != "auto":
        sample = replace(sample, prompt=None)
    positions, sample = sample.texts()
    texts = [conversations[at] for at in positions]
    every = encoder.every_layer(texts, progress=progress)
    last = len(every) - 1
    choices = []
    if layer == "auto":
        choices.append(choose_layer(every.numpy(), sample))
        layer = choices[-1].layer
    if prompt_layer == "auto":
        choices.append(choose_prompt_layer(every.numpy(), sample, last if layer == "last" else layer))
        prompt_layer = choices[-1].layer
    encoder.use_layers(layer, prompt_layer)
    at = [last if number == "last" else number for number in (layer, prompt_layer)]
    vectors = every[[at[text.response == ""] for text in texts], range(len(texts))]
    cache.add(encoder.key, [content_hash(text) for text in texts], vectors.numpy())
    return choices


def _check(key: str, expected: str | None, source: str) -> None:
    if expected is not None and key != expected:
        raise EncoderError(
            f"the vectors of {source} are not those that the run was fitted on: the model's files or settings differ",
            fix="use the encoder files of the fit (--embeddings with the store of the fit), or fit again",
        )
