"""A run as a CrossEncoder folder of sentence-transformers: transformer, pooling, normalising, one linear layer; no code of ours in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from probrm.data import Conversation
from probrm.encoders.quiet import quiet
from probrm.encoders.rendering import Renderer
from probrm.errors import ConfigError
from probrm.exports.encoder import FittedEncoder, literal
from probrm.exports.linear import LinearReward

TRANSFORMER = "0_Transformer"
"""The model has a folder of its own: beside ``modules.json``, transformers' AutoModelForSequenceClassification would load it with a random head."""

_POOLINGS: dict[str, Any] = {"mean": "mean", "cls": "cls", "last": "lasttoken"}
"""Ours → theirs."""
Scorer = Callable[[Sequence[Conversation]], torch.Tensor]


def check_library() -> None:
    """Refuses where sentence-transformers is missing, before any work.

    Raises:
        ConfigError: it is, or it is too old.
    """
    try:
        from sentence_transformers.base.modules import Dense, Transformer  # noqa: F401
    except ImportError:
        raise ConfigError(
            "--to sentence-transformers needs sentence-transformers from version 5.4 on, and it is not installed here",
            fix="pip install 'probrm[export]'",
        ) from None


def refuse(encoder: FittedEncoder) -> None:
    """What a CrossEncoder folder has no form for.

    Raises:
        ConfigError: names the setting and the way out.
    """
    config = encoder.config
    if config.pooling == "response":
        raise ConfigError(
            "--to sentence-transformers: the run pools over the response's tokens alone, which a sentence-transformers folder has no form for",
            fix="fit again with --exportable (pools over all tokens), and export that run",
        )
    if config.text == "response":
        raise ConfigError(
            "--to sentence-transformers: the run's encoder sees responses alone, and a CrossEncoder takes pairs of prompt and response",
            fix='fit again with --set encoder.text="pair"',
        )
    form = Renderer(encoder.tokenizer(), text=config.text, max_length=config.max_length).form
    if form != "pair":
        raise ConfigError(
            f"--to sentence-transformers: encoder {encoder.folder.label!r} lays prompt and response out as {form}, and a CrossEncoder sets its separator between the two",
            fix="use --to transformers, or fit with a BERT-like encoder",
        )


def write_cross_encoder(folder: Path, encoder: FittedEncoder, reward: LinearReward, scratch: Path) -> None:
    """Writes the folder.

    Args:
        folder: empty.
        encoder: of the run; not refused.
        reward: of the run.
        scratch: an empty folder that is thrown away.
    """
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    config = encoder.config
    model: Any = encoder.model()
    with quiet():
        model.save_pretrained(scratch)
        literal(encoder.tokenizer()).save_pretrained(scratch)
        transformer = Transformer(str(scratch), transformer_task="feature-extraction", max_seq_length=config.max_length)
        with torch.no_grad():
            for name, parameter in transformer.model.named_parameters():
                if "pooler." in name:  # not used, and drawn at random where it was missing
                    parameter.zero_()
        transformer.save_in_root = False
        d = len(reward.weights)
        modules: list[Any] = [transformer, Pooling(d, _POOLINGS[config.pooling])]
        if config.normalize:
            modules.append(Normalize())
        linear = torch.nn.Identity()
        weights, bias = reward.weights.float()[None], torch.tensor([reward.intercept], dtype=torch.float32)
        modules.append(Dense(d, 1, activation_function=linear, init_weight=weights, init_bias=bias, module_output_name="scores"))
        CrossEncoder(modules=modules, activation_fn=linear, device="cpu").save(str(folder))


def load_cross_encoder(folder: Path) -> Scorer:
    """What the folder says of conversations, as its users load it."""
    from sentence_transformers import CrossEncoder

    with quiet():
        model = CrossEncoder(str(folder), device="cpu", local_files_only=True)

    def scores(conversations: Sequence[Conversation]) -> torch.Tensor:
        pairs = [(one.prompt_text, one.response) for one in conversations]
        return model.predict(pairs, convert_to_tensor=True, show_progress_bar=False, batch_size=8)

    return scores
