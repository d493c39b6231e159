"""Tiny models with random weights, saved to disk as users save theirs: one of each family that encoders come from."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    EuroBertConfig,
    EuroBertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
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


def typed_bert(folder: Path) -> None:
    """Its tokenizer counts a pair's second text as type 1."""
    bert(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, model_input_names=["input_ids", "token_type_ids", "attention_mask"])
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


def clock_llama(folder: Path) -> None:
    """Its template writes the day."""
    chat_llama(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}" + CHATML
    tokenizer.save_pretrained(folder)


def t5(folder: Path) -> None:
    tokenizer = byte_level("$A </s>", "$A </s> $B </s>", ["<pad>", "</s>"], pad_token="<pad>", eos_token="</s>")
    config = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    T5Model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.2,
}


def electra(folder: Path) -> None:
    tokenizer = wordpiece()
    ElectraModel(ElectraConfig(vocab_size=len(tokenizer), embedding_size=32, max_position_embeddings=128, **SMALL)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def distilbert(folder: Path) -> None:
    """No token types."""
    tokenizer = wordpiece()
    small: dict[str, Any] = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "initializer_range": 0.2}
    DistilBertModel(DistilBertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **small)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def eurobert(folder: Path) -> None:
    """A decoder's blocks that see both ways."""
    tokenizer = wordpiece()
    EuroBertModel(EuroBertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, pad_token_id=0, **SMALL)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def modernbert(folder: Path) -> None:
    tokenizer = wordpiece()
    special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    small = {name: value for name, value in SMALL.items() if name != "initializer_range"}
    ModernBertModel(ModernBertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **special, **small)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def qwen3(folder: Path) -> None:
    """A chat template, and a padding token of its own."""
    tokenizer = byte_level("$A", "$A $B", ["<|im_start|>", "<|im_end|>", "<|pad|>"], eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.chat_template = CHATML
    model = Qwen3Model(Qwen3Config(vocab_size=len(tokenizer), max_position_embeddings=256, num_key_value_heads=1, head_dim=16, **SMALL))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "bert": bert,
    "bert-types": typed_bert,
    "roberta": roberta,
    "gpt2": gpt2,
    "llama": chat_llama,
    "llama-clock": clock_llama,
    "t5": t5,
    "electra": electra,
    "distilbert": distilbert,
    "eurobert": eurobert,
    "modernbert": modernbert,
    "qwen3": qwen3,
}


def save_model(family: str, folder: Path) -> Path:
    """A model of a family, the same whenever it is made."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        FAMILIES[family](folder)
    return folder
