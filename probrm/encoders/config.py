"""Every setting of an encoder that a user can change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from probrm.errors import ConfigError

Layer = int | Literal["last", "auto"]
Pooling = Literal["response", "mean", "last", "cls"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Text = Literal["pair", "response"]

SHORTEST = 16
"""The least ``max_length``: role marks and special tokens take up to a dozen tokens before any text is seen."""

_DEFAULT_LAYERS: dict[str, dict[str, Layer]] = {"default": {"layer": 4, "prompt_layer": "last"}}
"""Measured (``benchmarks/layers.py``); for every other encoder the data choose."""
_BEFORE = {"pooling": "mean", "layer": "last", "prompt_layer": "last"}
"""What settings that do not name these meant when they were written."""


@dataclass(frozen=True)
class EncoderConfig:
    """Which model turns texts into vectors, and how.

    Attributes:
        name: ``"default"`` (all-MiniLM-L6-v2, offline where ``probrm[offline]`` is installed), a folder with a saved
            transformers model, or a hub id ``owner/name``.
        layer: whose hidden states become vectors: ``k`` for the state after block k (0: the token embeddings), ``"last"``, or
            ``"auto"``, chosen by the held-out likelihood of what was observed. None: 4 for the default encoder, else ``"auto"``.
        prompt_layer: the same for a prompt's own vector, which only models with objective weights ask for. None: ``"last"`` for the
            default encoder, else ``"auto"``. With ``text="response"`` a prompt is encoded as a response is, at ``layer``.
        pooling: the vector is the mean over the response's tokens, the prompt being read with them (``"response"``; of a prompt without
            a response, over the prompt's tokens), over all tokens (``"mean"``), the last token, or the first (``"cls"``).
        max_length: longest input in tokens, special tokens included; bounded by the model's own limit.
        normalize: vectors of length one.
        precision: of weights and activations; ``"auto"`` takes the fastest of the device that keeps the cosine
            similarity to float32 above 0.999. Vectors come out as float32 in any case.
        batch_tokens: padded tokens in one forward pass; changes speed and memory, not vectors. None: 4,096 on a CPU, 32,768 on a GPU
            (1.7 times as fast there).
        compile: the model's blocks are compiled (``torch.compile``): on a GPU more than twice as fast after a first pass of some ten
            seconds; vectors are the same to a cosine similarity of 0.999.
        text: ``"pair"`` encodes the response together with its prompt, ``"response"`` the response alone.

    Raises:
        ConfigError: a value that is not allowed.
    """

    name: str = "default"
    layer: Layer | None = None
    prompt_layer: Layer | None = None
    pooling: Pooling = "response"
    max_length: int = 256
    normalize: bool = True
    precision: Precision = "auto"
    batch_tokens: int | None = None
    text: Text = "pair"
    compile: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"encoder.name is {self.name!r}; it must be a name", fix='use "default", a folder, or a hub id owner/name')
        for field, allowed in (("pooling", get_args(Pooling)), ("precision", get_args(Precision)), ("text", get_args(Text))):
            value = getattr(self, field)
            if value not in allowed:
                raise ConfigError(f"encoder.{field} is {value!r}; allowed: {', '.join(allowed)}", fix=f'{field} = "{allowed[0]}"')
        for field in ("layer", "prompt_layer"):
            value = getattr(self, field)
            number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            if not number and value not in (None, "last", "auto"):
                raise ConfigError(
                    f"encoder.{field} is {value!r}; allowed: last, auto, or a number from 0 (the token embeddings) up",
                    fix=f'{field} = "last"',
                )
        for field, least in (("max_length", SHORTEST), ("batch_tokens", 1)):
            value = getattr(self, field)
            if field == "batch_tokens" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(f"encoder.{field} is {value!r}; it must be a whole number of at least {least}", fix=f"raise {field}")
        for field in ("normalize", "compile"):
            value = getattr(self, field)
            if not isinstance(value, bool):
                raise ConfigError(f"encoder.{field} is {value!r}; it must be true or false", fix=f"{field} = true")

    def with_layers(self) -> EncoderConfig:
        """The same with the layers that None stands for; a layer that no vector is read at is the last."""
        default = _DEFAULT_LAYERS.get(self.name, {"layer": "auto", "prompt_layer": "auto"})
        prompt_layer = "last" if self.text == "response" else self.prompt_layer
        return replace(
            self,
            layer=default["layer"] if self.layer is None else self.layer,
            prompt_layer=default["prompt_layer"] if prompt_layer is None else prompt_layer,
        )

    @property
    def chooses(self) -> bool:
        """Whether a layer is to be chosen by what was observed."""
        settled = self.with_layers()
        return "auto" in (settled.layer, settled.prompt_layer)

    @classmethod
    def restore(cls, settings: Mapping[str, Any]) -> EncoderConfig:
        """The settings that a run has recorded; runs of before there were layers mean the last one."""
        return cls(**{**_BEFORE, **settings})
