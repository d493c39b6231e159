"""A transformers model as an encoder of conversations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.encoders.compiled import compile_blocks
from probrm.encoders.config import EncoderConfig, Layer, Precision
from probrm.encoders.depth import Depth
from probrm.encoders.forward import ForwardPass
from probrm.encoders.identity import vectors_key
from probrm.encoders.loading import card_pooling, load_model, load_tokenizer, longest_input
from probrm.encoders.precision import AGREEMENT, PROBES, agrees, candidate, find_device
from probrm.encoders.rendering import Rendered, Renderer
from probrm.encoders.resolving import ModelFolder, resolve
from probrm.errors import ConfigError, EncoderError
from probrm.progress import Progress, silent

_AT_ONCE = 8192
"""Texts rendered and sorted together: enough for batches of equal length, and token ids of a few dozen megabytes."""
_PROBE_COUNT = 8
_ON_A_CPU, _ON_A_GPU = 4096, 32_768
"""Padded tokens in a forward pass, where the settings do not say."""
_LAYERS = ("layer", "prompt_layer")
_COMPARABLE_BYTES = 8 * 2**30
"""Weights above this are not loaded a second time, in float32, only to be compared with."""


def load_encoder(config: EncoderConfig, *, device: str = "cpu") -> TransformerEncoder:
    """Load the model that ``config.name`` stands for.

    Args:
        config: which model, and how its vectors are made.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        EncoderError: the model cannot be found, fetched, loaded or used for text.
        ConfigError: no such device.
    """
    return TransformerEncoder(resolve(config.name), config, find_device(device))


class TransformerEncoder:
    """Renders, batches, runs and pools; fulfils :class:`probrm.encoders.Encoder`.

    With ``precision="auto"`` the type is settled once, on the first texts seen (``prepare``, ``encode``) or, where ``key``
    is asked for before any, on built-in ones; ``layer="auto"`` waits for ``use_layers``. From then on ``config`` names both:
    keep that config to get the same vectors again.
    """

    def __init__(self, folder: ModelFolder, config: EncoderConfig, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._loading_notes: list[str] = []
        self._compiled = False
        self._settled = config.precision != "auto"
        dtype = getattr(torch, config.precision) if self._settled else self._starting_dtype()
        self._tokenizer = load_tokenizer(folder)
        model = load_model(folder, dtype)
        config = self._within_limits(config.with_layers(), longest_input(model, self._tokenizer))
        self._renderer = Renderer(self._tokenizer, text=config.text, max_length=config.max_length)
        self._tokenizer.model_max_length = int(1e30)  # lengths are our business: no warning about long texts
        self._forward = ForwardPass(
            model,
            pad=next((token for token in (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id) if token is not None), 0),
            pooling=config.pooling,
            normalize=config.normalize,
            budget=config.batch_tokens or (_ON_A_GPU if device.type == "cuda" else _ON_A_CPU),
            device=device,
        )
        self._config = self._numbered(config)
        self._to_device()
        self._apply_layers()
        self._dim = self._try_out()
        stated = card_pooling(folder)
        if stated is not None and config.pooling not in (stated, "response"):
            self._loading_notes.append(f"encoder '{folder.label}' was trained with {stated} pooling; {config.pooling} is used")

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def config(self) -> EncoderConfig:
        """The settings in force: ``max_length`` within the model's limit, precision and layers as settled."""
        return self._config

    @property
    def depth(self) -> int | None:
        """How many layers there are after the token embeddings; None where they cannot be distinguished, and only the last can be used."""
        return self._forward.depth.last

    @property
    def key(self) -> str:
        """SHA-256 over the content of the model's files and every setting that changes its vectors.

        Raises:
            ConfigError: a layer is still to be chosen.
        """
        self._check_layers()
        self.prepare(())
        return vectors_key(self._folder.files, self._config)

    @property
    def loading_notes(self) -> list[str]:
        """What a user should be told about the model."""
        return list(self._loading_notes)

    @property
    def notes(self) -> list[str]:
        """What a user should be told about the model and the texts encoded so far; no errors."""
        return [*self._loading_notes, *self._renderer.notes]

    def prepare(self, conversations: Sequence[Conversation]) -> None:
        """Settle the precision on a few of these texts (or on built-in ones); does nothing once it is settled."""
        if self._settled:
            return
        shorter = candidate(self._device)
        if shorter is not torch.float32:
            texts = self._probe_texts(conversations)
            reference = self._forward(texts)
            self._forward.model.to(shorter)
            if not self._agrees(reference, texts):
                self._forward.depth = Depth(load_model(self._folder, torch.float32).to(self._device))
                self._apply_layers()
                name = _name(shorter)
                self._loading_notes.append(f"float32 is used: {name} vectors fall below a cosine similarity of {AGREEMENT} to it")
        self._settle()

    def encode(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "n d"]:
        """One float32 vector on the CPU for each conversation, in their order.

        Raises:
            EncoderError: a vector that is not finite, or too little memory for a single text.
            ConfigError: a layer is still to be chosen.
        """
        self._check_layers()
        if not conversations:
            return torch.empty(0, self._dim)
        self.prepare(conversations)
        if self._config.compile and not self._compiled:
            compile_blocks(self._forward, self._probe_texts(conversations), self._folder.label)
            self._compiled = True
        parts = []
        with progress.task("Encoding", len(conversations)) as advance:
            for start in range(0, len(conversations), _AT_ONCE):
                texts = self._renderer(conversations[start : start + _AT_ONCE])
                parts.append(self._forward(texts, lambda n: advance(n)))
        return torch.cat(parts)

    def every_layer(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "l n d"]:
        """Vectors of at least one conversation at every layer, from the token embeddings to the last, from one pass.

        To be called before layers are settled, which drops those not needed.

        Raises:
            EncoderError: a vector that is not finite, or too little memory for a single text.
        """
        self.prepare(conversations)
        with progress.task("Encoding at every layer", len(conversations)) as advance:
            return self._forward.every_layer(self._renderer(conversations), lambda n: advance(n))

    def use_layers(self, layer: Layer, prompt_layer: Layer) -> None:
        """Settle the layers, by number (``depth`` is the last) or ``"last"``.

        Raises:
            ConfigError: there is no such layer.
        """
        self._config = self._numbered(replace(self._config, layer=layer, prompt_layer=prompt_layer))
        self._apply_layers()

    def without_prompts(self) -> None:
        """No prompt's own vector will be asked for: the blocks that only these need are forgotten, and their memory freed."""
        if self._forward.layer is not None:
            self._forward.depth.drop_after(self._forward.layer)

    def _starting_dtype(self) -> torch.dtype:
        if self._folder.weight_bytes <= _COMPARABLE_BYTES:
            return torch.float32
        shorter = candidate(self._device)
        self._loading_notes.append(f"{_name(shorter)} was not compared with float32: the model is too large to be loaded twice")
        return shorter

    def _within_limits(self, config: EncoderConfig, limit: int | None) -> EncoderConfig:
        if limit is None or config.max_length <= limit:
            return config
        self._loading_notes.append(f"max_length {config.max_length} is more than encoder '{self._folder.label}' takes; {limit} is used")
        return replace(config, max_length=limit)

    def _numbered(self, config: EncoderConfig) -> EncoderConfig:
        """Layers within what the model has; the number of the last one is called ``"last"``."""
        depth = self.depth
        if depth is None and "auto" in (config.layer, config.prompt_layer):
            self._loading_notes.append(f"encoder '{self._folder.label}': its layers cannot be distinguished, so its last one is used")
        for name in _LAYERS:
            layer = getattr(config, name)
            if depth is None and isinstance(layer, int):
                raise EncoderError(
                    f"encoder.{name} is {layer}, and the layers of encoder '{self._folder.label}' cannot be distinguished",
                    fix=f'encoder.{name} = "last"',
                )
            if isinstance(layer, int) and depth is not None and layer > depth:
                raise ConfigError(
                    f"encoder.{name} is {layer}; encoder '{self._folder.label}' has layers 0 (the token embeddings) to {depth}",
                    fix=f'encoder.{name} = "last", or a number up to {depth}',
                )
            if layer == depth or (depth is None and layer == "auto"):
                config = replace(config, **{name: "last"})
        return config

    def _apply_layers(self) -> None:
        layers = [layer if isinstance(layer, int) else None for layer in (self._config.layer, self._config.prompt_layer)]
        self._forward.layer, self._forward.prompt_layer = layers
        deepest = [layer for layer in layers if layer is not None]
        if len(deepest) == len(layers):
            self._forward.depth.drop_after(max(deepest))

    def _check_layers(self) -> None:
        for name in _LAYERS:
            if getattr(self._config, name) == "auto":
                raise ConfigError(
                    f"encoder.{name} is 'auto', and there are no actions and no pairs to choose it by",
                    fix=f'name one: encoder.{name} = "last", or a number from 0 (the token embeddings) to {self.depth}',
                )

    def _to_device(self) -> None:
        model = self._forward.model
        try:
            model.to(self._device)
        except torch.OutOfMemoryError:
            raise EncoderError(
                f"encoder '{self._folder.label}' does not fit into the memory of {self._device}",
                fix='use a smaller encoder, --set encoder.precision="bfloat16", or --device cpu',
            ) from None
        if not self._settled and next(model.parameters()).dtype is not torch.float32:
            self._settle()

    def _settle(self) -> None:
        precision: Precision = _name(next(self._forward.model.parameters()).dtype)
        self._config = replace(self._config, precision=precision)
        self._settled = True

    def _try_out(self) -> int:
        """Encodes texts that differ in their last word: does the model take text, and does the pooled token see it?

        The last token's position is that of the text's length, so it is compared between texts of one length.
        """
        texts = self._apart([Conversation("Name a colour.", colour) for colour in ("Blue", "Red", "Pink")])
        try:
            vectors = self._forward(texts)
        except EncoderError:
            raise
        except Exception as error:  # an image or speech model fails here in its own way
            lines = str(error).splitlines() or [""]
            raise EncoderError(
                f"encoder '{self._folder.label}' cannot encode text: {type(error).__name__}: {lines[0][:300]}",
                fix="use a text model (BERT-like, decoder-only, or encoder-decoder)",
            ) from None
        pooling = self._config.pooling
        other = {"cls": 1, "last": 2}.get(pooling)
        if other is not None and torch.equal(vectors[0], vectors[other]):
            raise EncoderError(
                f"pooling '{pooling}' reads the {'first' if pooling == 'cls' else 'last'} token, "
                f"and in encoder '{self._folder.label}' at layer {self._config.layer} that token sees nothing of the text",
                fix='use pooling = "response" or "mean"',
            )
        return vectors.shape[1]

    def _apart(self, conversations: Sequence[Conversation]) -> list[Rendered]:
        """Rendered by another renderer: these texts do not enter the notes."""
        return Renderer(self._tokenizer, text=self._config.text, max_length=self._config.max_length)(conversations)

    def _probe_texts(self, conversations: Sequence[Conversation]) -> list[Rendered]:
        """A few texts of all lengths."""
        probes = list(conversations) or list(PROBES)
        if len(probes) > _PROBE_COUNT:
            by_length = sorted(probes, key=lambda one: (len(one.prompt_text) + len(one.response), one.response))
            probes = [by_length[at * (len(by_length) - 1) // (_PROBE_COUNT - 1)] for at in range(_PROBE_COUNT)]
        return self._apart(probes)

    def _agrees(self, reference: Tensor, texts: list[Rendered]) -> bool:
        with suppress(EncoderError):  # not finite in the shorter type: float32 then
            return agrees(reference, self._forward(texts))
        return False


def _name(dtype: torch.dtype) -> Precision:
    names: dict[torch.dtype, Precision] = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
    return names[dtype]
