"""Every setting of an encoder that a user can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from probrm.errors import ConfigError

Pooling = Literal["mean", "last", "cls"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Text = Literal["pair", "response"]

SHORTEST = 16
"""The least ``max_length``: role marks and special tokens take up to a dozen tokens before any text is seen."""


@dataclass(frozen=True)
class EncoderConfig:
    """Which model turns texts into vectors, and how.

    Attributes:
        name: ``"default"`` (all-MiniLM-L6-v2, offline where ``probrm[offline]`` is installed), a folder with a saved
            transformers model, or a hub id ``owner/name``.
        pooling: the vector is the mean over the text's tokens, its last token, or its first (``"cls"``).
        max_length: longest input in tokens, special tokens included; bounded by the model's own limit.
        normalize: vectors of length one.
        precision: of weights and activations; ``"auto"`` takes the fastest of the device that keeps the cosine
            similarity to float32 above 0.999. Vectors come out as float32 in any case.
        batch_tokens: padded tokens in one forward pass; changes speed and memory, not vectors.
        text: ``"pair"`` encodes the response together with its prompt, ``"response"`` the response alone.

    Raises:
        ConfigError: a value that is not allowed.
    """

    name: str = "default"
    pooling: Pooling = "mean"
    max_length: int = 256
    normalize: bool = True
    precision: Precision = "auto"
    batch_tokens: int = 4096
    text: Text = "pair"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"encoder.name is {self.name!r}; it must be a name", fix='use "default", a folder, or a hub id owner/name')
        for field, allowed in (("pooling", get_args(Pooling)), ("precision", get_args(Precision)), ("text", get_args(Text))):
            value = getattr(self, field)
            if value not in allowed:
                raise ConfigError(f"encoder.{field} is {value!r}; allowed: {', '.join(allowed)}", fix=f'{field} = "{allowed[0]}"')
        for field, least in (("max_length", SHORTEST), ("batch_tokens", 1)):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(f"encoder.{field} is {value!r}; it must be a whole number of at least {least}", fix=f"raise {field}")
        if not isinstance(self.normalize, bool):
            raise ConfigError(f"encoder.normalize is {self.normalize!r}; it must be true or false", fix="normalize = true")
