"""Minibatches against the expansion around a mode: the model's likelihood exactly, with little noise, and the same posterior."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.guides import Layout
from probrm.inference import SVI, fit
from probrm.inference.svi.expansion import Expanded, expanded
from probrm_models.implicit.config import ImplicitConfig
from tests import fake_rows
from tests.fake_rows import FOUR, implicit, several_rows

N = 400
on_cpu = partial(implicit, device="cpu")


def possible(rows: Batch) -> Batch:
    """No action on an answer that a label calls bad: its probability is zero."""
    bad = rows["label"] == 0
    acted = {"action": rows["action"].masked_fill(bad, 0.0)}
    if "actions" in rows:
        acted["actions"] = rows["actions"].masked_fill(bad[:, None], 0.0)
    return Batch({**rows.columns, **acted}, rows.total)


MODELS: dict[str, Callable[[], Any]] = {
    "implicit": lambda: on_cpu(rows=possible(fake_rows.log_rows(N))),
    "several actions": lambda: on_cpu(rows=several_rows(N), actions=FOUR),
    "compared": lambda: on_cpu(rows=possible(fake_rows.compared_rows(N)), actions=(ActionSpec("action"),)),
    "pairs": lambda: fake_rows.bradley_terry(rows=fake_rows.pair_rows(N), device="cpu"),
}


class Case:
    """A model, its rows and a place."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.model, self.batch = make()
        self.layout = Layout.of(self.model, self.batch)
        self.mode = 0.3 * torch.randn(self.layout.size)
        self.expanded = Expanded(self.model, self.batch, self.layout, self.mode)

    def log_joint(self, model: Any, z: Tensor, batch: Batch) -> float:
        values = self.layout.constrain(z)
        with self.model.marginalised():
            return float(poutine.trace(poutine.condition(model, data=values)).get_trace(batch).log_prob_sum())


@pytest.fixture(params=MODELS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(MODELS[request.param])


@pytest.mark.parametrize("away", [0.0, 0.1, 2.0])
def test_all_rows_together_are_the_models_own_density(away: float, case: Case) -> None:
    """At the mode, near it and far away."""
    z = case.mode + away * torch.randn_like(case.mode)
    own = case.log_joint(case.model, z, case.batch)
    assert case.log_joint(case.expanded, z, case.expanded.data) == pytest.approx(own, rel=2e-5, abs=2e-3)


def test_minibatches_are_unbiased_and_nearly_free_of_noise(case: Case) -> None:
    """The mean over a partition of the rows is the whole; its scatter a tenth of that of the rows' own densities (the control) or less."""
    z, size = case.mode + 0.05 * torch.randn_like(case.mode), len(case.batch) // 4
    cuts = [(k * size, (k + 1) * size) for k in range(4)]
    rows = case.batch.slice(0, 4 * size)
    whole = Batch(rows.columns, len(rows))
    small = Expanded(case.model, whole, case.layout, case.mode)
    found = torch.tensor([case.log_joint(small, z, small.data.slice(*cut)) for cut in cuts])
    plain = torch.tensor([case.log_joint(case.model, z, whole.slice(*cut)) for cut in cuts])
    own = case.log_joint(case.model, z, whole)
    assert float(found.mean()) == pytest.approx(own, rel=2e-5, abs=2e-3)
    assert float(plain.mean()) == pytest.approx(own, rel=2e-5, abs=2e-3)
    assert float(found.std()) < 0.1 * float(plain.std())


def test_a_wrong_expansion_is_seen(case: Case) -> None:
    """Control: one that forgets a tenth of the curvature is no longer the model's density."""
    z = case.mode + torch.randn_like(case.mode)
    case.expanded.dense = 0.9 * case.expanded.dense
    own = case.log_joint(case.model, z, case.batch)
    assert case.log_joint(case.expanded, z, case.expanded.data) != pytest.approx(own, rel=2e-5, abs=2e-3)


def test_only_where_it_can_be_and_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(make: Callable[[], Any]) -> Any:
        model, batch = make()
        layout = Layout.of(model, batch)
        return expanded(model, batch, layout, torch.zeros(layout.size))

    assert found(on_cpu) is None  # few rows
    monkeypatch.setattr("probrm.inference.svi.expansion.ROWS", 2)
    assert found(on_cpu) is not None
    assert found(lambda: on_cpu(ImplicitConfig(form="enumerated"))) is None
    assert found(lambda: on_cpu(ImplicitConfig.from_dict({"reward_head": {"name": "mlp", "hidden": [4]}}))) is None
    assert (
        found(
            lambda: on_cpu(
                ImplicitConfig.from_dict({"action": {"false_rate": {"dist": "Beta", "concentration1": 1.0, "concentration0": 20.0}}})
            )
        )
        is None
    )


def test_a_fit_ends_where_that_on_all_rows_ends(monkeypatch: pytest.MonkeyPatch, simulated: Callable[..., Batch]) -> None:
    """Logistic regression: means within .1 sd, widths within 6 %; minibatches without the expansion are several times as far off.

    One seed; the bounds are three times what four other seeds gave at most.
    """
    from tests.probrm.inference.laplace.test_descent import Linear

    rows = simulated(4000, 8, "logistic", scale=1.0)

    def fitted(**settings: Any) -> tuple[Tensor, Tensor]:
        draws = fit(Linear(8, "logistic"), rows, inference=SVI(draws=20_000, **settings), starts=1, seed=1).draws["weights"]
        return draws.mean(0), draws.std(0)

    mean, sd = fitted()
    monkeypatch.setattr("probrm.inference.svi.expansion.ROWS", 100)
    found = fitted()
    plain = fitted(batch_size=100)
    assert float(((found[0] - mean) / sd).abs().max()) < 0.1
    assert (found[1] / sd).numpy() == pytest.approx(1.0, abs=0.06)
    assert float(((plain[0] - mean) / sd).square().mean().sqrt()) > 2 * float(((found[0] - mean) / sd).square().mean().sqrt())
