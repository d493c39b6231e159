"""From one hidden state a token to one vector a text."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from probrm.encoders.config import Pooling


def pool(hidden: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"], how: Pooling) -> Float[Tensor, "b d"]:
    """Pool in float32 over the tokens of a mask, wherever in the row they stand.

    Args:
        hidden: the model's hidden states, any floating dtype.
        mask: true for the tokens to be pooled (the real ones, or the response's); every row has at least one.
        how: ``mean``, ``response`` (the mean again), ``last`` (the last token of the mask) or ``cls`` (the first).
    """
    if how in ("mean", "response"):
        weight = mask.unsqueeze(-1).to(torch.float32)
        # where, not a product: what a model writes at padding may be inf, and 0 * inf is NaN.
        return torch.where(mask.unsqueeze(-1), hidden.float(), 0.0).sum(1) / weight.sum(1)
    order = torch.arange(mask.shape[1], device=mask.device)
    at = torch.where(mask, order, -1).argmax(1) if how == "last" else mask.int().argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), at].float()
