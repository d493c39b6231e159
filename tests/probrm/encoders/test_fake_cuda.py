"""The forward pass on a GPU that is not there: nothing is left on the CPU, and the host waits for a batch's vectors alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import pytest
import torch

from probrm.encoders.batching import pad_right
from probrm.encoders.forward import ForwardPass
from probrm.encoders.pooling import pool
from probrm.encoders.rendering import Rendered
from tests.fake_cuda import DEVICE, no_waiting, noting, outcomes

NAME = "tests.probrm.encoders.test_fake_cuda"
SEQUENCES = [[5, 6, 7, 8, 9], [5, 6], [7, 8, 9]]
RENDERED = [Rendered(ids, bytes([1, *(2 for _ in ids[1:])])) for ids in SEQUENCES]
"""A prompt of one token before each response."""
_SMALL: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "attn_implementation": "eager",  # torch has no fused attention for a device that is not there
}


def bert() -> Any:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**_SMALL, max_position_embeddings=16), add_pooling_layer=False)


def qwen() -> Any:
    from transformers import Qwen3Config, Qwen3Model

    return Qwen3Model(Qwen3Config(**_SMALL, num_key_value_heads=1, head_dim=8, max_position_embeddings=16, use_cache=False))


MODELS: dict[str, Callable[[], Any]] = {"bert": bert, "qwen3": qwen}


def _forward(make: Callable[[], Any], device: str, model: Any = None, **settings: Any) -> Any:
    how: dict[str, Any] = {"pad": 0, "pooling": "mean", "normalize": True, "budget": 8, **settings}
    return ForwardPass((model or made(make)).to(device), device=torch.device(device), **how)


def _no_grad(mode: bool = True) -> Any:
    return torch.no_grad()


def made(make: Callable[[], Any]) -> Any:
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)


def _vectors(make: Callable[[], Any], pooling: str) -> None:
    """Those of the CPU; and the host waits for nothing but tokens going there, vectors coming back, and whether they are finite."""
    here = _forward(make, "cpu", pooling=pooling)(RENDERED)
    forward = _forward(make, DEVICE, pooling=pooling)
    # Tensors of the fake device know no inference mode; it changes nothing about devices.
    with mock.patch("torch.inference_mode", _no_grad), noting() as places:
        there = forward(RENDERED)
    assert there.device.type == "cpu"
    torch.testing.assert_close(there, here, atol=1e-5, rtol=1e-5)
    padding = {"states"} if make is bert else set()  # see below
    assert {place.split(" in ")[-1] for place in places} <= {"<genexpr>", "_vectors", "_run"} | padding, sorted(set(places))


def _waits_within(make: Callable[[], Any], times: int) -> None:
    """How often the host waits between tokens and vectors."""
    model = made(make).to(DEVICE)
    ids, mask = (tensor.to(DEVICE) for tensor in pad_right(SEQUENCES, 0))
    with torch.no_grad(), noting() as places:
        hidden = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert len(places) == times, places
    with torch.no_grad(), no_waiting():
        for how in ("mean", "last", "cls"):
            pool(hidden, mask, how)


CASES: dict[str, Callable[[], None]] = {
    **{
        f"{name}, {pooling}": partial(_vectors, make, pooling)
        for name, make in MODELS.items()
        for pooling in ("mean", "response", "last", "cls")
    },
    "qwen3 waits for nothing": partial(_waits_within, qwen, 0),
    "bert asks once whether there is padding": partial(_waits_within, bert, 1),  # transformers does, before the first layer
}


@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu_that_is_not_there(name: str) -> None:
    assert not outcomes(NAME)[name]
