"""What is read without a trace, and what is left to traces."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import Tensor, nn

from probrm.data import Batch
from probrm.guides import WhitenedGuide
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.process import Process, Statements
from tests.losses import check_direct, evaluated, is_direct, whitened

ROWS = Batch({"y": torch.tensor([0.3, -1.0, 2.0, 0.1, 0.8])}, 20)
LOSS = LocalKLELBO().differentiable_loss


class Means(Process):
    """A centre, and a deviation of each row from it."""

    exchangeable = None

    def globals(self) -> dict[str, Tensor]:
        return {"centre": pyro.sample("centre", dist.Normal(0.0, 2.0)), "width": pyro.sample("width", dist.Gamma(2.0, 1.0))}

    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        u = statements.sample("u", lambda: dist.Normal(torch.zeros(len(batch), 2), 1.0).to_event(1), scale=batch.scale)
        mean = values["centre"] + u.sum(-1)
        statements.sample("y", lambda: dist.Normal(mean, values["width"]), scale=batch.scale, obs=batch["y"])


class Deviations(Process):
    """The same density in each row."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.tensor([0.3, -0.5]))

    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        statements.sample("u", lambda: dist.Normal(self.loc, 0.7).to_event(1))  # the plate widens it


class OddPriors(Means):
    """Every kind of statement that a prior may make."""

    def globals(self) -> dict[str, Tensor]:
        values = super().globals()
        weights = pyro.sample("weights", dist.Normal(0.2, values["width"]).expand([3]).to_event(1))  # pyright: ignore[reportAttributeAccessIssue]
        with poutine.scale(scale=0.5), poutine.mask(mask=torch.tensor([True, False])):  # type: ignore[arg-type]
            pyro.sample("some", dist.Normal(torch.zeros(2), 1.0))
        pyro.deterministic("total", weights.sum())
        pyro.factor("penalty", -weights.square().sum())
        return values


class OneNumber(Means):
    """A factor that is one number: the plate makes it every row's."""

    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        super().rows(values, batch, statements)
        statements.factor("penalty", -values["centre"].square(), scale=torch.tensor(0.5))


class Forward(Means):
    def forward(self, batch: Batch) -> None:
        super().forward(batch)


class Scaled(Means):
    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        with poutine.scale(scale=0.5):
            super().rows(values, batch, statements)


class PastStatements(Means):
    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        super().rows(values, batch, statements)
        pyro.factor("penalty", -values["centre"].square())


class Lifted(Means, PyroModule):
    pass


class ScaledDeviations(Deviations):
    def rows(self, values: Any, batch: Batch, statements: Statements) -> None:
        with poutine.scale(scale=0.5):
            super().rows(values, batch, statements)


class OwnGuide(WhitenedGuide):
    def forward(self, batch: Batch) -> None:
        super().forward(batch)


def patched() -> Means:
    model = Means()
    model.forward = lambda batch: None  # type: ignore[method-assign]
    return model


@pytest.mark.parametrize("model", [Means, OddPriors, OneNumber])
def test_it_is_the_traced_loss(model: type[Means], double: None) -> None:
    rows = ROWS.to(dtype=torch.float64)
    check_direct(LOSS, model(), whitened(model(), rows, Deviations()), rows)


@pytest.mark.parametrize("model", [Forward, Scaled, PastStatements, Lifted], ids=lambda model: model.__name__)
def test_another_process_is_traced(model: type[Means], double: None) -> None:
    """With the loss of traces: a scale that ``rows`` opens counts, and a factor past the statements is every row's."""
    rows, made = ROWS.to(dtype=torch.float64), model()
    guide = whitened(Means(), rows, Deviations())
    assert not is_direct(made, guide, rows)
    before = pyro.poutine.runtime._PYRO_STACK.copy()
    (value, _), (plain, _) = (evaluated(LOSS, each, guide, rows, traced=False) for each in (made, Means()))
    assert pyro.poutine.runtime._PYRO_STACK == before == []
    assert torch.isfinite(value)
    if model is PastStatements:
        assert value > plain


def test_what_else_is_traced() -> None:
    guide, model = whitened(Means(), ROWS, Deviations()), Means()
    assert is_direct(model, guide, ROWS)
    assert not is_direct(patched(), guide, ROWS)
    assert not is_direct(poutine.condition(model, data={}), guide, ROWS)
    assert not is_direct(model, AutoNormal(model), ROWS)
    assert not is_direct(model, OwnGuide(guide.layout, guide.coordinates, guide.family, guide.local), ROWS)
    assert not is_direct(model, whitened(model, ROWS, ScaledDeviations()), ROWS)
    assert not is_direct(model, whitened(model, ROWS), ROWS)  # nothing draws the rows' latent
    with poutine.trace():
        assert not is_direct(model, guide, ROWS)


def test_validation_is_of_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Pyro checks before the first step is the process as Pyro sees it."""
    model, guide = Means(), whitened(Means(), ROWS, Deviations())
    monkeypatch.setattr(Means, "globals", lambda self: {"centre": torch.tensor(0.0), "width": pyro.sample("width", dist.Gamma(-2.0, 1.0))})
    assert is_direct(model, guide, ROWS)
    with pyro.validation_enabled(True), pytest.raises(ValueError, match="concentration"):
        LOSS(model, guide, ROWS)
