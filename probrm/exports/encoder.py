"""A run's encoder as it is exported: in float32, without the blocks that are not needed, its tokenizer reading texts as probrm does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from probrm.encoders import EncoderConfig
from probrm.encoders.depth import find_blocks
from probrm.encoders.identity import vectors_key
from probrm.encoders.loading import load_model, load_tokenizer
from probrm.encoders.resolving import ModelFolder, resolve
from probrm.errors import ConfigError
from probrm.runs.run import Run


@dataclass(frozen=True)
class FittedEncoder:
    """What a run's vectors came from.

    Attributes:
        config: settings in force at the fit.
        folder: the model's files.
    """

    config: EncoderConfig
    folder: ModelFolder

    @classmethod
    def of(cls, run: Run) -> FittedEncoder:
        """The encoder of a run, found again.

        Raises:
            ConfigError: the run's vectors are not of that encoder: they came from a store, or its files have changed.
            EncoderError: there is no such encoder.
        """
        known = run.record["encoder"]
        config = EncoderConfig.restore(known["config"])
        folder = resolve(config.name)
        if vectors_key(folder.files, config) != known["key"]:
            raise ConfigError(
                f"encoder {config.name!r} is not the one that the run was fitted on: the model's files or settings differ",
                fix="put the encoder's files of the fit back, or fit again with the encoder that is to be exported",
            )
        return cls(config, folder)

    def model(self) -> nn.Module:
        """The model in float32, cut after the layer in use, all its token types alike.

        Raises:
            ConfigError: an encoder–decoder model, of which probrm uses a part.
            EncoderError: it cannot be loaded.
        """
        model = load_model(self.folder, torch.float32)
        if getattr(model.config, "is_encoder_decoder", False):
            raise ConfigError(
                f"encoder {self.folder.label!r} is the encoder of an encoder–decoder model, which no export has a form for",
                fix="fit with an encoder (BERT-like) or a decoder (Llama-like)",
            )
        if isinstance(self.config.layer, int):
            _cut(model, self.config.layer)
        # probrm names no token types, and so every token has type 0; others count a pair's second text as type 1.
        types = next((module for name, module in model.named_modules() if name.endswith("token_type_embeddings")), None)
        if isinstance(types, nn.Embedding):
            with torch.no_grad():
                types.weight.copy_(types.weight[:1].expand_as(types.weight))
        return model

    def tokenizer(self) -> Any:
        """The tokenizer."""
        tokenizer = load_tokenizer(self.folder)
        tokenizer.model_max_length = self.config.max_length
        tokenizer.init_kwargs.pop("max_length", None)
        return tokenizer


def literal(tokenizer: Any) -> Any:
    """The tokenizer, from now on reading the names of special tokens in a text ("[SEP]") as the text that they are, as probrm does."""
    tokenizer.split_special_tokens = True
    tokenizer.init_kwargs["split_special_tokens"] = True
    return tokenizer


def _cut(model: nn.Module, layer: int) -> None:
    blocks = find_blocks(model)
    assert blocks is not None, "a layer by number was used in the fit"
    config: Any = model.config
    depth = len(blocks)
    del blocks[layer:]
    for name, value in list(vars(config).items()):
        if isinstance(value, (list, tuple)) and len(value) == depth and "layer" in name:  # a kind for each block
            setattr(config, name, list(value[:layer]))
    config.num_hidden_layers = layer
