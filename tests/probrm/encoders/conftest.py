"""Tiny models with random weights, saved to disk as users save theirs: one of each family that encoders come from."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
)

CHATML = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
)


def wordpiece() -> PreTrainedTokenizerFast:
    """Letters and digits as pieces, lower case, [CLS] a [SEP] b [SEP]; what is no letter or mark becomes [UNK]."""
    letters = string.ascii_lowercase + string.digits
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), *string.punctuation]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]"
    )


def byte_level(single: str, pair: str, special: list[str], **named: str) -> PreTrainedTokenizerFast:
    """Every byte a token; ``special`` after them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, *special])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if "<" in single:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=[(token, vocabulary[token]) for token in special]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=special, **named)


def bert(folder: Path) -> None:
    tokenizer = wordpiece()
    small: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "initializer_range": 0.2,
    }
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **small)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def roberta(folder: Path) -> None:
    named = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "sep_token": "</s>"}
    tokenizer = byte_level("<s> $A </s>", "<s> $A </s> </s> $B </s>", ["<s>", "<pad>", "</s>"], **named)
    assert isinstance(tokenizer.pad_token_id, int)
    small: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "initializer_range": 0.2,
    }
    config = RobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=tokenizer.pad_token_id + 1 + 64, pad_token_id=tokenizer.pad_token_id, **small
    )
    RobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def gpt2(folder: Path) -> None:
    """Absolute positions, no padding token, no separator."""
    tokenizer = byte_level("$A", "$A $B", ["<|endoftext|>"], bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    end: Any = tokenizer.eos_token_id
    small: dict[str, Any] = {"n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 2}
    GPT2Model(GPT2Config(vocab_size=len(tokenizer), bos_token_id=end, eos_token_id=end, **small)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def chat_llama(folder: Path) -> None:
    """Rotary positions, grouped heads, a chat template, the end token as padding."""
    tokenizer = byte_level("$A", "$A $B", ["<|im_start|>", "<|im_end|>"], eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.chat_template = CHATML
    small: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
    }
    LlamaModel(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=256, **small)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def t5(folder: Path) -> None:
    tokenizer = byte_level("$A </s>", "$A </s> $B </s>", ["<pad>", "</s>"], pad_token="<pad>", eos_token="</s>")
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    T5Model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {"bert": bert, "roberta": roberta, "gpt2": gpt2, "llama": chat_llama, "t5": t5}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``tiny("gpt2")`` is a folder with such a model; do not write to it."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            with torch.random.fork_rng():
                torch.manual_seed(7)
                FAMILIES[family](made[family])
        return made[family]

    return folder


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """``with full_disk():`` makes every write of more than 64 bytes fail in the operating system, as on a disk without room."""
    resource = pytest.importorskip("resource", reason="needs a POSIX system")

    @contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
