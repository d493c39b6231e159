"""Classifiers of transformers that can hold a linear reward exactly, and how: their heads have a layer and a bend before the last layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from probrm.exports.linear import LinearReward

SMALL = 2.0**-16
"""tanh(x) = x to a relative error of x²/3, 1e-8 for rewards of ten logits; a power of two rounds nothing."""


@dataclass(frozen=True)
class Head:
    """The head of one class of transformers.

    Attributes:
        poolings: ours → what is to be set in its configuration for it.
        dense: path of the layer before the bend.
        out: path of the last layer.
        bend: ``tanh``, in whose straight part the reward is put; or ``one-sided``: a function with ``f(x) − f(−x) = x`` (ReLU, GELU),
            of which two units make the reward.
    """

    poolings: Mapping[str, Mapping[str, str]]
    dense: str
    out: str
    bend: Literal["tanh", "one-sided"]

    def fill(self, model: nn.Module, reward: LinearReward) -> None:
        """Puts the reward into a model."""
        d, weights = len(reward.weights), reward.weights.float()
        dense, out = nn.Linear(d, d), nn.Linear(d, 1)
        with torch.no_grad():
            for parameter in (dense.weight, dense.bias, out.weight):
                parameter.zero_()
            out.bias.fill_(reward.intercept)
            if self.bend == "tanh":
                dense.weight[0], out.weight[0, 0] = SMALL * weights, 1 / SMALL
            else:
                dense.weight[0], dense.weight[1] = weights, -weights
                out.weight[0, 0], out.weight[0, 1] = 1, -1
        model.set_submodule(self.dense, dense)
        model.set_submodule(self.out, out)


_CLS: dict[str, dict[str, str]] = {"cls": {}}
HEADS = {
    "BertForSequenceClassification": Head(_CLS, "bert.pooler.dense", "classifier", "tanh"),
    "RobertaForSequenceClassification": Head(_CLS, "classifier.dense", "classifier.out_proj", "tanh"),
    "XLMRobertaForSequenceClassification": Head(_CLS, "classifier.dense", "classifier.out_proj", "tanh"),
    "DistilBertForSequenceClassification": Head(_CLS, "pre_classifier", "classifier", "one-sided"),
    "ElectraForSequenceClassification": Head(_CLS, "classifier.dense", "classifier.out_proj", "one-sided"),
    "EuroBertForSequenceClassification": Head(
        {"mean": {"classifier_pooling": "mean"}, "cls": {"classifier_pooling": "bos"}}, "dense", "classifier", "one-sided"
    ),
}
"""By the name of the class. Decoders, whose head is one layer over the last token, need no such form."""
