"""The bounds against Pyro's own: the same loss, and the same gradients to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceEnum_ELBO
from torch import nn

from probrm.data.batch import Batch
from probrm.guides import Layout, Whitening, build_guide
from probrm.inference.svi.unwatched import EnumeratedBound, TraceBound
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.multi_action.model import build_implicit
from tests import fake_rows


def both(theirs: Any, ours: Any, model: Any, guide: nn.Module, *args: Any) -> list[tuple[float, list[torch.Tensor]]]:
    found = []
    for elbo in (theirs, ours):
        torch.manual_seed(1)
        loss = elbo.differentiable_loss(model, guide, *args)
        guide.zero_grad()
        loss.backward()
        found.append((float(loss.detach()), [p.grad.clone() for p in guide.parameters() if p.grad is not None]))
    return found


def implicit(form: str, guide: str) -> tuple[Any, Any, Batch]:
    rows = fake_rows.log_rows()
    model = build_implicit(fake_rows.SHAPE, ImplicitConfig(form=form), rows)  # type: ignore[arg-type]
    layout = Layout.of(model, rows)
    zeros = torch.zeros(layout.size)
    return model, build_guide(guide, model, layout, Whitening.diagonal(zeros, zeros + 1, layout.exchangeable)), rows


@pytest.mark.parametrize(
    ("theirs", "ours", "form", "guide"),
    [
        (Trace_ELBO, TraceBound, "marginal", "auto-normal"),
        (lambda: TraceEnum_ELBO(max_plate_nesting=1), lambda: EnumeratedBound(max_plate_nesting=1), "enumerated", "auto-normal"),
        (lambda: TraceEnum_ELBO(max_plate_nesting=1), lambda: EnumeratedBound(max_plate_nesting=1), "marginal", "amortised"),
    ],
)
def test_of_the_implicit_model(theirs: Callable[[], Any], ours: Callable[[], Any], form: str, guide: str) -> None:
    (value, slopes), (other, others) = both(theirs(), ours(), *implicit(form, guide))
    assert other == pytest.approx(value, rel=1e-5)
    assert slopes
    assert all(torch.equal(a, b) for a, b in zip(slopes, others, strict=True))


class Coin(nn.Module):
    """A guide with a site that cannot be reparameterised."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(0.3))

    def forward(self) -> None:
        pyro.sample("z", dist.Bernoulli(logits=self.logit))


def _tossed() -> None:
    z = pyro.sample("z", dist.Bernoulli(torch.tensor(0.5)))
    pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(1.0))


def test_of_a_guide_without_reparameterisation() -> None:
    (value, slopes), (other, others) = both(Trace_ELBO(), TraceBound(), _tossed, Coin())
    assert other == pytest.approx(value, rel=1e-6)
    assert slopes[0] != 0
    assert torch.equal(slopes[0], others[0])
