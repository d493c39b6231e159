"""A transformers model and its tokenizer from a folder: no remote code, no pickle, no half-initialised weights."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig

from probrm.encoders.quiet import quiet
from probrm.encoders.reading import read_table
from probrm.encoders.resolving import ModelFolder
from probrm.errors import EncoderError

_NO_LIMIT = 1_000_000
"""Tokenizers without a limit say 1e30."""
_COUNTS = ("layer", "block", "expert", "depth", "stage")
"""Words in the names of settings that count parts of a model."""
_DEEPEST = 1000
_SPARE = 50_000_000
"""Numbers that a model may have beside its weights: tables of positions, masks."""
_UNUSED = ("pooler.",)
"""Weights that a folder may lack: the pooling layer is never run."""


def load_model(folder: ModelFolder, dtype: torch.dtype) -> nn.Module:
    """The model without a head, in evaluation mode on the CPU; of an encoder-decoder model its encoder.

    Raises:
        EncoderError: an unknown architecture, damaged weights, or weights that do not cover the architecture.
    """
    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
            _pin(config)
            _check_size(folder, config)
            extra = {"add_pooling_layer": False} if _has_pooling_layer(config) else {}
            model, report = AutoModel.from_pretrained(
                folder.path,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **extra,
            )
    except EncoderError:
        raise
    except Exception as error:  # the library raises a dozen types here, its own and others'
        raise EncoderError(
            f"encoder '{folder.label}': the model in {folder.path} cannot be loaded: {_first_line(error)}",
            fix="save or download it again; architectures that need code from outside transformers are not supported",
        ) from None
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(_UNUSED) and f".{_UNUSED[0]}" not in name)
    if missing or report["mismatched_keys"]:
        first = missing[0] if missing else sorted(map(str, report["mismatched_keys"]))[0]
        count = len(missing) + len(report["mismatched_keys"])
        raise EncoderError(
            f"encoder '{folder.label}': the weights in {folder.path} do not fit its config.json: "
            f"{count} tensors missing or misshapen, first {first}",
            fix="use the config.json that belongs to these weights",
        )
    if config.is_encoder_decoder:
        model = model.get_encoder()
    model.config.use_cache = False  # keys and values of past tokens are only for generating
    return model.to(dtype).eval().requires_grad_(False)


def load_tokenizer(folder: ModelFolder) -> Any:
    """The tokenizer of a folder.

    Raises:
        EncoderError: it cannot be loaded.
    """
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise EncoderError(
            f"encoder '{folder.label}': the tokenizer in {folder.path} cannot be loaded: {_first_line(error)}",
            fix="save it there again: tokenizer.save_pretrained(folder)",
        ) from None


def longest_input(model: nn.Module, tokenizer: Any) -> int | None:
    """The most tokens that a model takes, or None where nothing bounds them (relative positions, no stated limit).

    Raises:
        EncoderError: the tokenizer states something else than a number.
    """
    bounds = []
    positions = getattr(model.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa and its kin count positions from padding_idx + 1, so two rows of their 514 are never reached.
        tables = (module for name, module in model.named_modules() if name.endswith("position_embeddings"))
        offsets = [table.padding_idx + 1 for table in tables if isinstance(table, nn.Embedding) and table.padding_idx is not None]
        bounds.append(positions - max(offsets, default=0))
    stated = getattr(tokenizer, "model_max_length", None)
    if stated is not None and (isinstance(stated, bool) or not isinstance(stated, int | float)):
        raise EncoderError(
            f"encoder: model_max_length of the tokenizer is {str(stated)[:100]!r}; allowed: a number",
            fix="correct tokenizer_config.json, or save or download the model again",
        )
    if stated is not None and 1 <= stated < _NO_LIMIT:
        bounds.append(int(stated))
    return min(bounds, default=None)


def card_pooling(folder: ModelFolder) -> str | None:
    """The pooling that a sentence-transformers folder was trained with, as we name it; None where it says nothing.

    Raises:
        EncoderError: the file that says it is damaged.
    """
    path = folder.path / "1_Pooling" / "config.json"
    if not path.is_file():
        return None
    card = read_table(path, folder.label)
    names = {"pooling_mode_mean_tokens": "mean", "pooling_mode_lasttoken": "last", "pooling_mode_cls_token": "cls"}
    stated = [ours for theirs, ours in names.items() if card.get(theirs) is True]
    return stated[0] if len(stated) == 1 else None


def _pin(config: PretrainedConfig) -> None:
    """Attention and experts as transformers itself computes them: config.json may name a kernel on the hub, which is code."""
    for part in [config, *(getattr(config, name, None) for name in config.sub_configs)]:
        if not isinstance(part, PretrainedConfig):
            continue
        if part._attn_implementation not in ("eager", "sdpa"):
            part._attn_implementation_internal = None
        if getattr(part, "_experts_implementation", None) not in (None, "eager"):
            part._experts_implementation_internal = None


def _check_size(folder: ModelFolder, config: PretrainedConfig) -> None:
    """The model that config.json describes is about as large as its weights, before memory or minutes are taken for it.

    Raises:
        EncoderError: says what does not fit.
    """
    tensors = elements = 0
    for name in folder.weights:
        with safe_open(folder.path / name, framework="pt") as file:
            shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118  no mapping
        tensors += len(shapes)
        elements += sum(math.prod(shape) for shape in shapes)
    for name, value in config.to_dict().items():
        if isinstance(value, int) and any(word in name for word in _COUNTS) and value > max(tensors, _DEEPEST):
            raise _unfit(folder, f"{name} is {value}, and its weights have {tensors} tensors")
    depth = getattr(config.get_text_config(), "num_hidden_layers", 1)
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise _unfit(folder, f"num_hidden_layers is {str(depth)[:100]}; allowed: a number from 1 up")
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        model = AutoModel.from_config(config, trust_remote_code=False)
    asked = sum(value.numel() for value in (*model.parameters(), *model.buffers()))
    if asked > 4 * elements + _SPARE:
        raise _unfit(folder, f"config.json asks for {asked:,} numbers, and its weights have {elements:,}")


def _unfit(folder: ModelFolder, what: str) -> EncoderError:
    return EncoderError(
        f"encoder '{folder.label}': the weights in {folder.path} do not fit its config.json: {what}",
        fix="use the config.json that belongs to these weights",
    )


def _has_pooling_layer(config: PretrainedConfig) -> bool:
    from transformers import MODEL_MAPPING

    model_class = MODEL_MAPPING.get(type(config), None)
    return inspect.isclass(model_class) and "add_pooling_layer" in inspect.signature(model_class.__init__).parameters


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
