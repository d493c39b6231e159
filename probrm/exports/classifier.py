"""A run as a folder for transformers' AutoModelForSequenceClassification, where one of its classes can hold the reward exactly."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig
from transformers.modeling_layers import GenericForSequenceClassification

from probrm.data import Conversation
from probrm.encoders.quiet import quiet
from probrm.encoders.rendering import Renderer
from probrm.errors import ConfigError
from probrm.exports.encoder import FittedEncoder, literal
from probrm.exports.heads import HEADS
from probrm.exports.linear import LinearReward

PAD = "<|probrm_pad|>"
"""For a decoder without a padding token of its own: texts are scored at their last token that is no padding."""
_CLOCK = "strftime_now"


def refuse(encoder: FittedEncoder) -> None:
    """What no class of transformers can hold exactly.

    Raises:
        ConfigError: names the setting and the way out.
    """
    config = encoder.config
    model = encoder.model()
    allowed, label = _poolings(model), encoder.folder.label
    if not allowed:
        raise ConfigError(
            f"--to transformers: encoder {label!r}: {_class_name(model)} cannot hold a linear reward exactly",
            fix="use --to sentence-transformers, or fit with a Llama-, Qwen-, BERT- or RoBERTa-like encoder",
        )
    again = f'fit again with --set encoder.pooling="{allowed[0]}" --set encoder.normalize=false, or with --exportable for --to sentence-transformers'
    if config.normalize:
        raise ConfigError(
            "--to transformers: the run's vectors are scaled to length one (encoder.normalize), which no classifier of transformers does",
            fix=again,
        )
    if config.pooling not in allowed:
        raise ConfigError(
            f"--to transformers: the run pools by encoder.pooling={config.pooling!r}, and {_class_name(model)} by {' or '.join(map(repr, allowed))} alone",
            fix=again,
        )
    decoder = _generic(model)
    form = Renderer(encoder.tokenizer(), text=config.text, max_length=config.max_length).form
    if form not in (("chat", "response") if decoder else ("pair", "response")):
        raise ConfigError(
            f"--to transformers: encoder {label!r} lays prompt and response out as {form}, and trainers and engines "
            + ("lay them out by the tokenizer's chat template, which it lacks" if decoder else "give a classifier pairs of texts"),
            fix='fit with an encoder whose tokenizer has a chat template, or with --set encoder.text="response"',
        )


def write_classifier(folder: Path, encoder: FittedEncoder, reward: LinearReward, scratch: Path) -> None:
    """Writes the folder.

    Args:
        folder: empty.
        encoder: of the run; not refused.
        reward: of the run. A decoder's head has no intercept: it stands in config.json as ``mean`` and ``logit_mean``, negative.
        scratch: not used.
    """
    base, tokenizer = encoder.model(), encoder.tokenizer()
    form = Renderer(tokenizer, text=encoder.config.text, max_length=encoder.config.max_length).form
    config: Any = base.config
    config.num_labels, config.problem_type = 1, "regression"
    name = _class_name(base)
    if _generic(base):
        _own_pad(base, tokenizer, form)
        config.mean = config.logit_mean = -reward.intercept
        config.std = config.logit_sigma = 1.0
    else:
        for key, value in HEADS[name].poolings[encoder.config.pooling].items():
            setattr(config, key, value)
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)
    if hasattr(whole := getattr(model, model.base_model_prefix), "pooler") and getattr(base, "pooler", None) is None:
        base.pooler = whole.pooler  # its only layer is filled below
    setattr(model, model.base_model_prefix, base)
    if _generic(base):
        model.score = nn.Linear(len(reward.weights), 1, bias=False)
        with torch.no_grad():
            model.score.weight[0] = reward.weights.float()
    else:
        HEADS[name].fill(model, reward)
    if left := [key for key, value in model.state_dict().items() if value.is_meta]:
        raise ConfigError(
            f"encoder {encoder.folder.label!r}: {name} has weights that the encoder lacks: {left[0]}", fix="fit with another encoder"
        )
    if form == "chat":
        tokenizer.chat_template = _clock_stopped(tokenizer.chat_template)
    else:
        literal(tokenizer)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def load_classifier(folder: Path, encoder: FittedEncoder) -> Callable[[Sequence[Conversation]], torch.Tensor]:
    """What the folder says of conversations, as its users load it; a decoder's intercept is added."""
    with quiet():
        model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    form = Renderer(encoder.tokenizer(), text=encoder.config.text, max_length=encoder.config.max_length).form

    @torch.inference_mode()
    def scores(conversations: Sequence[Conversation]) -> torch.Tensor:
        if form == "chat":
            chats = [[*one.prompt_messages, {"role": "assistant", "content": one.response}] for one in conversations]
            inputs = tokenizer.apply_chat_template(chats, tokenize=True, return_dict=True, return_tensors="pt", padding=True)
        elif form == "pair":
            texts = [one.prompt_text for one in conversations], [one.response for one in conversations]
            inputs = tokenizer(*texts, padding=True, return_tensors="pt")
        else:
            inputs = tokenizer([one.response for one in conversations], padding=True, return_tensors="pt")
        return model(**inputs).logits[:, 0].double() - getattr(model.config, "mean", 0.0)

    return scores


def _class_name(model: Any) -> str:
    found: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(model.config), None)
    return found.__name__ if inspect.isclass(found) else f"a classifier of {type(model.config).__name__}"


def _generic(model: Any) -> bool:
    """Whether the classifier is one linear layer over the last token that is no padding, as decoders have it."""
    found = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(model.config), None)
    return inspect.isclass(found) and issubclass(found, GenericForSequenceClassification)


def _poolings(model: Any) -> tuple[str, ...]:
    if _generic(model):
        return ("last",)
    head = HEADS.get(_class_name(model))
    return tuple(head.poolings) if head else ()


def _own_pad(base: Any, tokenizer: Any, form: str) -> None:
    """A padding token that no text ends in."""
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in _ends(tokenizer, form):
        tokenizer.add_special_tokens({"pad_token": PAD})
        if len(tokenizer) > base.get_input_embeddings().num_embeddings:
            with quiet():
                base.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    config: PretrainedConfig = base.config
    config.pad_token_id = tokenizer.pad_token_id


def _ends(tokenizer: Any, form: str) -> set[int | None]:
    """Tokens that texts may end in: end of text, which trainers append, and what the chat template ends with."""
    found = {tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id}
    if form == "chat":
        layout = Renderer(tokenizer, text="pair", max_length=512)([Conversation("a", "b")])[0]
        found.add(layout.ids[-1])
    return found


def _clock_stopped(template: str) -> str:
    from probrm.encoders.layout import CLOCK_STOPPED

    return CLOCK_STOPPED + template if _CLOCK in template else template
