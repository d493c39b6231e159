"""The modes of a posterior: how many there are, how often each is hit, how far one is behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout
from probrm.inference import newton_laplace
from probrm.inference.laplace.modes import LEAST_ERRORS, LEAST_NATS, Mode, find_modes
from probrm.inference.laplace.newton import walk, walked
from probrm.inference.rank_correlation import spearman
from probrm.model import RewardModel, Values

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]


class Product(RewardModel):
    """``y ~ Bernoulli(σ(1 + x·w) σ(1 + x·v))``: the same with w and v exchanged, and so is its prior.

    ``told`` lets the model name that mirror image; ``lean`` gives the prior of ``v`` another centre, which breaks the tie of the
    posterior, though not that of the likelihood. With none at all the origin, where walks begin, lies on the crest between the modes.
    """

    kind = "product"

    def __init__(self, told: bool = True, lean: float = 0.05) -> None:
        super().__init__()
        self.told, self.lean = told, lean

    def forward(self, batch: Batch) -> None:
        w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.5).to_event(1))
        v = pyro.sample("v", dist.Normal(torch.full((3,), self.lean), 1.5).to_event(1))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            pyro.sample("y", dist.Bernoulli(self._probability({"w": w, "v": v}, batch)), obs=batch["y"])

    def _probability(self, values: Values, batch: Batch) -> Tensor:
        return (self.reward(values, batch).sigmoid() * (1 + values["v"] @ batch["x"].T).sigmoid()).clamp(1e-12, 1 - 1e-12)

    def reward(self, values: Values, batch: Batch) -> Tensor:
        return 1 + values["w"] @ batch["x"].T

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return dist.Bernoulli(self._probability(values, batch)).log_prob(batch["y"])

    def mirrors(self, values: Values, batch: Batch) -> list[dict[str, Tensor]]:
        return [{"w": values["v"], "v": values["w"]}] if self.told else []

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {}

    def coords(self) -> dict[str, list[str]]:
        return {}

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Product:
        return cls()


@pytest.fixture
def product_rows() -> Batch:
    x = torch.randn(1500, 3)
    probability = (1 + x @ torch.tensor([2.0, 0.0, 1.0])).sigmoid() * (1 + x @ torch.tensor([-1.0, 2.0, 0.0])).sigmoid()
    return Batch({"x": x, "y": (torch.rand(1500) < probability).float(), "weight": torch.ones(1500)}, 1500)


def find(model: RewardModel, batch: Batch, starts: int, **settings: Any) -> list[Mode]:
    return find_modes(model, batch, Layout.of(model, batch), starts, **settings)


@pytest.mark.parametrize("starts", [1, 5])
def test_a_posterior_with_one_mode(starts: int, regression: Make, simulated: Rows) -> None:
    batch, model = simulated(300, 4, "logistic"), regression(4, "logistic")
    (mode,) = find(model, batch, starts)
    assert mode.hits == starts
    assert (mode.behind, mode.error, mode.agreement) == (0.0, 0.0, pytest.approx(1.0))
    assert mode.tied
    alone = newton_laplace(model, batch, Layout.of(model, batch)).coordinates.loc
    assert torch.allclose(mode.loc, alone, atol=1e-6)


@pytest.mark.parametrize(("told", "starts"), [(True, 1), (False, 8)], ids=["by its mirror image", "by chance"])
def test_two_modes_that_tie(told: bool, starts: int, product_rows: Batch) -> None:
    """One place is enough where the model names its mirror image; 8 places miss a mode in 1 of 128 sets otherwise."""
    modes = find(Product(told), product_rows, starts)
    assert len(modes) == 2
    assert sum(m.hits for m in modes) == starts + told
    front, other = modes
    assert other.behind == pytest.approx(0.0, abs=0.05)
    assert other.tied
    assert other.agreement < 0.5
    assert torch.allclose(front.loc[:3], other.loc[3:], atol=0.02)
    assert torch.allclose(front.loc[3:], other.loc[:3], atol=0.02)
    assert front.laplace.potential == pytest.approx(other.laplace.potential, abs=0.5)


def test_the_likelihood_ties_where_the_prior_does_not(product_rows: Batch) -> None:
    """A prior with an opinion moves the potential by nats, not what the data say."""
    front, other = find(Product(lean=3.0), product_rows, 1)
    assert abs(front.laplace.potential - other.laplace.potential) > 1.0
    assert other.tied


def test_behind_and_its_error_are_those_of_the_rows(product_rows: Batch) -> None:
    model = Product(lean=3.0)
    front, other = find(model, product_rows, 1)
    layout, rows = Layout.of(model, product_rows), product_rows.to(dtype=torch.float64)
    gaps = model.log_likelihood(layout.constrain(front.loc), rows) - model.log_likelihood(layout.constrain(other.loc), rows)
    assert other.behind == pytest.approx(float(gaps.sum()), abs=1e-8)
    assert other.behind >= 0
    assert other.error == pytest.approx(math.sqrt(len(gaps)) * float(gaps.std()), rel=1e-8)
    assert other.agreement == pytest.approx(spearman(front.rewards, other.rewards))


def test_rows_count_by_their_weights(product_rows: Batch) -> None:
    columns = dict(product_rows.columns)
    columns["weight"] = torch.rand(1500)
    model, weighted = Product(lean=3.0), Batch(columns, 1500)
    front = find(model, weighted, 1)[0]
    density = model.log_likelihood(Layout.of(model, weighted).constrain(front.loc), weighted.to(dtype=torch.float64))
    assert torch.allclose(front.likelihood, density * columns["weight"], atol=1e-10)


def test_rows_that_stand_for_more_count_for_more(product_rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 of 1,500 rows compared: nats are those of the whole."""
    model = Product(lean=3.0)
    monkeypatch.setattr("probrm.inference.laplace.modes._COMPARED", 500)
    front, other = find(model, product_rows, 1)
    assert len(front.likelihood) == 500
    gaps = front.likelihood - other.likelihood
    assert other.behind == pytest.approx(3 * float(gaps.sum()), abs=1e-8)
    assert other.error == pytest.approx(3 * math.sqrt(500) * float(gaps.std()), rel=1e-8)


def test_the_first_explains_the_data_best(product_rows: Batch) -> None:
    """A second mode of a lower likelihood: columns in which only one of the two can be sharp."""
    modes = find(Product(lean=3.0), product_rows, 6)
    sums = [float(m.likelihood.sum()) for m in modes]
    assert sums == sorted(sums, reverse=True)
    assert all(m.behind == pytest.approx(sums[0] - s, abs=1e-8) for m, s in zip(modes, sums, strict=True))


@pytest.mark.parametrize(
    ("behind", "error", "tied"),
    [
        (0.0, 0.0, True),
        (LEAST_NATS - 0.01, 0.0, True),
        (LEAST_NATS + 0.01, 0.0, False),
        (10.0, 10.0 / LEAST_ERRORS + 0.01, True),
        (10.0, 10.0 / LEAST_ERRORS - 0.01, False),
        (400.0, 20.0, False),
    ],
)
def test_tied_by_the_numbers(behind: float, error: float, tied: bool, regression: Make, simulated: Rows) -> None:
    (mode,) = find(regression(2), simulated(20, 2), 1)
    assert replace(mode, behind=behind, error=error).tied is tied


def test_a_random_place_that_leads_nowhere_is_passed_over(regression: Make, simulated: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, model = simulated(100, 3, "logistic"), regression(3, "logistic")
    calls = 0

    def sometimes(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 2):
            raise TrainingError("no way down", fix="none")
        return walk(*args, **settings)

    monkeypatch.setattr("probrm.inference.laplace.modes.walk", sometimes)
    (mode,) = find(model, batch, 4)
    assert mode.hits == 2


def test_a_first_place_that_leads_nowhere_leaves_the_others(regression: Make, simulated: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, model = simulated(100, 3, "logistic"), regression(3, "logistic")
    calls = 0

    def later(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TrainingError("no way down", fix="none")
        return newton_laplace(*args, **settings)

    monkeypatch.setattr("probrm.inference.laplace.modes.newton_laplace", later)
    (mode,) = find(model, batch, 3)
    assert mode.hits == 2


def test_no_place_that_leads_anywhere_is_told(regression: Make, simulated: Rows) -> None:
    batch = simulated(50, 3, "logistic")
    batch["x"][7, 1] = math.inf
    with pytest.raises(TrainingError, match="at the start of the fit"):
        find(regression(3, "logistic"), batch, 3)


def test_rough_walks_that_end_in_one_place_are_one_mode(product_rows: Batch) -> None:
    """However many places: no two modes in the list rank the answers alike."""
    modes = find(Product(), product_rows, 6)
    for i, a in enumerate(modes):
        for b in modes[:i]:
            assert spearman(a.rewards, b.rewards) <= 0.9


def test_a_wrong_mirror_image_is_no_mode(product_rows: Batch) -> None:
    """A place that the model names is walked from like any other."""

    class Wrong(Product):
        def mirrors(self, values: Values, batch: Batch) -> list[dict[str, Tensor]]:
            return [{"w": values["w"] + 0.5, "v": values["v"]}]

    modes = find(Wrong(), product_rows, 1)
    assert len(modes) == 1
    assert modes[0].hits == 2


def test_the_toy_is_what_it_says() -> None:
    """Control: its likelihood is the same with w and v exchanged, and not with one of them turned round."""
    x = torch.randn(50, 3)
    batch = Batch({"x": x, "y": (torch.rand(50) < 0.5).float()}, 50)
    w, v = torch.randn(3), torch.randn(3)
    density = Product().log_likelihood({"w": w, "v": v}, batch)
    assert torch.allclose(density, Product().log_likelihood({"w": v, "v": w}, batch), atol=1e-5)
    assert not torch.allclose(density, Product().log_likelihood({"w": -w, "v": v}, batch), atol=1e-2)
    both = F.logsigmoid(1 + x @ w) + F.logsigmoid(1 + x @ v)
    assert torch.allclose(density[batch["y"] == 1], both[batch["y"] == 1], atol=1e-4)


@pytest.mark.parametrize(("told", "starts"), [(True, 1), (False, 8)], ids=["by its mirror image", "by chance"])
def test_walks_that_see_few_rows_find_the_same_modes(told: bool, starts: int, product_rows: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the rows: what the walks find is compared with the mode of these, and worked out on all."""
    exact = find(Product(told), product_rows, starts)
    monkeypatch.setattr("probrm.inference.laplace.newton.WALKED", 500)
    found = find(Product(told), product_rows, starts)
    assert len(found) == len(exact) == 2
    assert sum(m.hits for m in found) == starts + told
    assert torch.allclose(torch.stack([m.loc for m in found]).sort(0)[0], torch.stack([m.loc for m in exact]).sort(0)[0], atol=1e-4)


def test_walks_see_a_twentieth_of_many_rows() -> None:
    assert [walked(n) for n in (100, 5000, 100_000, 100_020, 10**6)] == [100, 5000, 5000, 5001, 50_000]
