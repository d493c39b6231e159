"""A training's loss read directly, against the same loss from Pyro's traces at the same random numbers."""

from __future__ import annotations

import copy
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from probrm.data import Batch
from probrm.guides import Layout, WhitenedGuide, Whitening
from probrm.guides.families import DiagonalNormal
from probrm.inference.svi.direct import direct_terms

SEED = 3


def is_direct(model: Any, guide: Any, batch: Batch) -> bool:
    """Whether the loss needs no trace, in training, where Pyro's validation is off."""
    with pyro.validation_enabled(False):
        return direct_terms(model, guide, (batch,), {}) is not None


def evaluated(loss: Any, model: Any, guide: Any, batch: Batch, *, traced: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one draw, and its gradient in every parameter; with Pyro's validation on it comes from traces."""
    parts = [part for part in (model, guide) if isinstance(part, nn.Module)]
    parameters = {f"{i}.{name}": p for i, part in enumerate(parts) for name, p in part.named_parameters() if p.requires_grad}
    pyro.set_rng_seed(SEED)
    with pyro.validation_enabled(traced):
        value = loss(model, guide, batch)
    gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    return value.detach(), {
        name: torch.zeros_like(p) if g is None else g for (name, p), g in zip(parameters.items(), gradients, strict=True)
    }


def check_direct(loss: Any, model: Any, guide: Any, batch: Batch, *, rtol: float = 1e-10, atol: float = 1e-10) -> None:
    """The loss is read directly, and equals the traced one by value and by gradient."""
    assert is_direct(model, guide, batch)
    state = copy.deepcopy(guide.state_dict())
    value, gradients = evaluated(loss, model, guide, batch, traced=False)
    guide.load_state_dict(state)  # warm-up counts its steps
    other, others = evaluated(loss, model, guide, batch, traced=True)
    assert any(float(g.abs().max()) > 0 for g in gradients.values())
    torch.testing.assert_close(value, other, rtol=rtol, atol=atol)
    torch.testing.assert_close(gradients, others, rtol=rtol, atol=atol)


def whitened(model: Any, batch: Batch, local: nn.Module | None = None, seed: int = 0) -> WhitenedGuide:
    """A guide some way from its start, in coordinates of any widths."""
    layout, draw = Layout.of(model, batch), torch.Generator().manual_seed(seed)
    loc, width = (torch.randn(layout.size, generator=draw) for _ in range(2))
    family = DiagonalNormal(layout.size)
    with torch.no_grad():
        family.loc.add_(0.3 * torch.randn(layout.size, generator=draw))
        family.raw_scale.add_(0.3 * torch.randn(layout.size, generator=draw))
    return WhitenedGuide(layout, Whitening.diagonal(0.3 * loc, (0.2 * width).exp()), family, local)
