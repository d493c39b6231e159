from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from probrm.encoders.forward import ForwardPass
from probrm.encoders.loading import load_model
from probrm.encoders.rendering import Rendered
from probrm.encoders.resolving import resolve
from probrm.errors import EncoderError


class Cramped(nn.Module):
    """A real model in a device that holds only so many tokens."""

    def __init__(self, model: nn.Module, room: int) -> None:
        super().__init__()
        self.model, self.room = model, room
        self.sizes: list[int] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.sizes.append(input_ids.numel())
        if input_ids.numel() > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return self.model(input_ids=input_ids, attention_mask=attention_mask)


@pytest.fixture
def model(tiny: Callable[[str], Path]) -> nn.Module:
    return load_model(resolve(str(tiny("bert"))), torch.float32)


def forward(model: nn.Module, budget: int = 4096) -> ForwardPass:
    return ForwardPass(model, pad=0, pooling="mean", normalize=True, budget=budget, device=torch.device("cpu"))


SEQUENCES = [Rendered([2, *range(5, 5 + length), 3], bytes([0, *[2] * length, 0])) for length in (30, 3, 17, 8, 25, 1, 12, 40)]


def test_batches_are_halved_until_they_fit_and_nothing_is_lost(model: nn.Module) -> None:
    cramped = Cramped(model, room=100)
    counted: list[int] = []
    passing = forward(cramped)
    vectors = passing(SEQUENCES, counted.append)
    torch.testing.assert_close(vectors, forward(model)(SEQUENCES), atol=1e-5, rtol=0)
    assert sum(counted) == len(SEQUENCES)
    assert passing.budget <= 200
    assert cramped.sizes[0] > 100


def test_a_single_text_that_does_not_fit_is_said(model: nn.Module) -> None:
    with pytest.raises(EncoderError, match="single text of 42 tokens") as caught:
        forward(Cramped(model, room=30))(SEQUENCES)
    assert "max_length" in caught.value.fix


def test_vectors_that_are_not_finite_are_refused(model: nn.Module) -> None:
    with torch.no_grad():
        model.get_parameter("embeddings.LayerNorm.weight")[0] = float("nan")
    with pytest.raises(EncoderError, match="not finite"):
        forward(model)(SEQUENCES)


def test_other_errors_of_the_model_are_not_swallowed(model: nn.Module) -> None:
    with pytest.raises(IndexError):
        forward(model)([Rendered([10**6], b"\2")])


def test_vectors_take_part_in_training_and_threads_are_as_before(model: nn.Module) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        vectors = forward(model)(SEQUENCES)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    weight = torch.ones(vectors.shape[1], requires_grad=True)
    (vectors @ weight).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(SEQUENCES)))
