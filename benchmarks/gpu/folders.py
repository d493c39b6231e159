"""Folders of models with random weights, as ``save_pretrained`` leaves them: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

_WORDS = 1000
_MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def qwen(folder: Path, *, tiny: bool, device: str) -> Any:
    """Qwen3-0.6B but for its vocabulary, which takes no part in a forward pass' products; the configuration."""
    from transformers import Qwen3Config, Qwen3Model

    shape = (32, 64, 2, 2, 1, 16) if tiny else (1024, 3072, 28, 16, 8, 128)
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim")
    config = Qwen3Config(vocab_size=len(_MARKS) + _WORDS, max_position_embeddings=1024, **dict(zip(names, shape, strict=True)))
    with torch.device(device):  # half a billion random numbers: a GPU draws them in no time
        model: Any = Qwen3Model(config)
    model.to("cpu", torch.bfloat16).save_pretrained(folder)
    tokenizer(special=False).save_pretrained(folder)
    return config


def minilm(folder: Path, *, tiny: bool) -> None:
    """The shape of all-MiniLM-L6-v2."""
    from transformers import BertConfig, BertModel

    shape = (32, 64, 2, 2) if tiny else (384, 1536, 6, 12)
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    config = BertConfig(vocab_size=len(_MARKS) + _WORDS, max_position_embeddings=512, **dict(zip(names, shape, strict=True)))
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer(special=True).save_pretrained(folder)


def tokenizer(*, special: bool) -> Any:
    """A token a word, ``w0`` to ``w999``; with special tokens around a text as BERT has them, or none, as Qwen."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = [*_MARKS, *(f"w{i}" for i in range(_WORDS))]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    named = {"unk_token": "[UNK]", "pad_token": "[PAD]"}
    if special:
        made.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        named |= {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    else:
        named |= {"eos_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **named)
