"""The implicit model's modes, and fits that begin at one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides import Layout, Whitening
from probrm.inference import SVI, Laplace, fit, newton_laplace
from probrm.inference.infer import Refined
from probrm.inference.laplace.modes import find_modes
from probrm.inference.rank_correlation import spearman
from probrm.model import RewardModel
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel

Simulate = Callable[..., Any]


@pytest.fixture
def shared(implicit_data: Simulate) -> tuple[ImplicitModel, Batch, Layout]:
    """Both heads see the embedding and nothing else; the truth's propensity has a direction of its own in it."""
    data = implicit_data(2500, 4, seed=3)
    x, generator = data.batch["embedding"], torch.Generator().manual_seed(5)
    across = torch.randn(4, generator=generator)
    across = across - (across @ data.weights) / (data.weights @ data.weights) * data.weights
    active = torch.rand(len(x), generator=generator) < torch.sigmoid(0.3 + 2 * x @ across / across.norm())
    columns = {**data.batch.columns, "action": data.preference * active, "propensity_covariates": torch.zeros(len(x), 0)}
    batch, shape = Batch(columns, len(x)), replace(data.shape, propensity_effects=())
    model = ImplicitModel(shape, ImplicitConfig(share_embedding=True))
    return model, batch, Layout.of(model, batch)


def rewards(model: RewardModel, draws: dict[str, Tensor], batch: Batch) -> Tensor:
    """Their means over draws."""
    return model.reward(draws, batch).mean(0)


def test_with_exclusion_there_is_one_mode(implicit_data: Simulate) -> None:
    data = implicit_data(1500, 4, seed=1, users=10)
    model = ImplicitModel(data.shape)
    (mode,) = find_modes(model, data.batch, Layout.of(model, data.batch), 4)
    assert mode.hits == 4
    assert spearman(mode.rewards, data.reward) > 0.8


@pytest.mark.parametrize("starts", [1, 4])
def test_without_exclusion_there_are_two_that_tie(shared: tuple[ImplicitModel, Batch, Layout], starts: int) -> None:
    """One place is enough: its mirror image is looked at. The priors of base rate and intercept differ, by tenths of a nat here."""
    modes = find_modes(*shared, starts)
    assert len(modes) == 2
    assert sum(m.hits for m in modes) == starts + 1
    other = modes[1]
    assert 0 <= other.behind < 1.0
    assert other.tied
    assert other.agreement < 0.5
    model, batch, layout = shared
    rows = batch.to(dtype=torch.float64)
    a, b = (layout.constrain(m.loc) for m in modes)
    assert spearman(model.reward(a, rows), model.propensity(b, rows)) > 0.98
    assert spearman(model.propensity(a, rows), model.reward(b, rows)) > 0.98


def test_a_mirror_image_explains_the_actions_as_well(shared: tuple[ImplicitModel, Batch, Layout]) -> None:
    """Even away from a mode; with one reference row only nearly so where the base rate has to be matched."""
    model, batch, layout = shared
    rows = batch.to(dtype=torch.float64)
    model = ImplicitModel(model.shape, model.config, batch.slice(0, len(batch)))
    values = layout.constrain(0.5 * torch.randn(layout.size).double())
    (mirror,) = model.mirrors(values, rows)
    gap = model.log_likelihood(values, rows) - model.log_likelihood(mirror, rows)
    assert float(gap.abs().max()) < 1e-8
    assert torch.allclose(model.reward(values, rows), model.propensity(mirror, rows), atol=1e-8)
    assert torch.allclose(model.propensity(values, rows), model.reward(mirror, rows), atol=1e-6)


def test_a_shared_covariate_is_exchanged_too(implicit_data: Simulate) -> None:
    """``code`` enters both heads, ``b`` and ``surface`` one of them: those stay."""
    data = implicit_data(200, 3, seed=1)
    shape = replace(data.shape, reward_effects=("b", "code"))
    batch = Batch({**data.batch.columns, "reward_covariates": torch.randn(200, 2)}, 200)
    model = ImplicitModel(shape)
    layout = Layout.of(model, batch)
    values = layout.constrain(torch.randn(layout.size))
    (mirror,) = model.mirrors(values, batch)
    assert torch.equal(mirror["reward_effects"], torch.stack([values["reward_effects"][0], values["propensity_effects"][2]]))
    expected = torch.cat([values["propensity_effects"][:2], values["reward_effects"][1:]])
    assert torch.equal(mirror["propensity_effects"], expected)
    assert torch.equal(mirror["reward_weights"], values["reward_weights"])
    assert layout.unconstrain(mirror).shape == (layout.size,)


def test_heads_that_share_nothing_have_no_mirror_image(implicit_data: Simulate) -> None:
    data = implicit_data(200, 3, seed=1)
    model = ImplicitModel(data.shape)
    layout = Layout.of(model, data.batch)
    assert model.mirrors(layout.constrain(torch.zeros(layout.size)), data.batch) == []


@pytest.mark.parametrize("inference", [Laplace(draws=300), SVI(max_steps=60, draws=300)], ids=["laplace", "svi"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_fit_begins_at_the_mode_it_is_given_and_stays(which: int, inference: Any, shared: tuple[ImplicitModel, Batch, Layout]) -> None:
    """Either of the two; what other starts would find does not matter."""
    model, batch, layout = shared
    modes = find_modes(model, batch, layout, 1)
    fitted = fit(model, batch, inference=inference, starts=8, at=modes[which].loc)
    assert len(fitted.starts) == 1
    found = rewards(fitted.model, fitted.draws, batch)
    mine, other = modes[which].rewards, modes[1 - which].rewards
    assert spearman(found, mine) > 0.97
    assert spearman(found, other) < 0.6


class Refining:
    """Notes what it is called with."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift, self.rows, self.places, self.actions = shift, [], [], []

    def __call__(self, model: RewardModel, data: Batch, layout: Layout, at: Tensor) -> Refined:
        self.rows.append(len(data))
        self.places.append(at)
        self.actions.append(float(data["action"].sum()))
        coordinates = newton_laplace(model, data, layout, at=at).coordinates
        return Refined(model, Whitening.diagonal(coordinates.loc + self.shift, torch.full((layout.size,), 1e-3).double()))


@pytest.mark.parametrize(
    ("held_out", "settings", "rows"),
    [
        (0, Laplace(draws=10), [300]),
        (60, Laplace(draws=10), [300]),  # nothing is fitted to the training rows alone
        (60, Laplace(draws=10, refit=False), [240]),
        (60, SVI(max_steps=5, draws=10), [300]),
        (60, SVI(max_steps=5, draws=10, refit=False), [240]),
    ],
    ids=["all rows", "laplace", "laplace, no refit", "svi", "svi, no refit"],
)
def test_refining_sees_the_rows_that_are_about_to_be_fitted(held_out: int, settings: Any, rows: list[int], implicit_data: Simulate) -> None:
    data = implicit_data(300, 3, seed=1)
    train = data.batch.subset(torch.arange(300 - held_out))
    kept = data.batch.subset(torch.arange(300 - held_out, 300)) if held_out else None
    refine = Refining()
    fitted = fit(ImplicitModel(data.shape), train, held_out=kept, inference=settings, starts=1, refine=refine)
    assert refine.rows == rows
    assert all(torch.equal(place, fitted.starts[0].laplace.coordinates.loc) for place in refine.places)
    acted = {len(part): float(part["action"].sum()) for part in (train, data.batch)}
    assert refine.actions == [acted[n] for n in rows]


def test_the_coordinates_it_gives_are_those_of_the_fit(implicit_data: Simulate) -> None:
    """Shifted by .7 and a thousandth wide: the draws lie there and nowhere else, after a refit too."""
    data = implicit_data(300, 3, seed=1)
    train, kept = data.batch.subset(torch.arange(240)), data.batch.subset(torch.arange(240, 300))
    for held_out in (None, kept):
        model = ImplicitModel(data.shape)
        layout = Layout.of(model, data.batch)
        refine = Refining(0.7)
        rows = data.batch if held_out is None else train
        fitted = fit(model, rows, held_out=held_out, inference=Laplace(draws=200), starts=1, refine=refine)
        mode = newton_laplace(ImplicitModel(data.shape), data.batch, layout, at=refine.places[0]).coordinates.loc
        draws = layout.unconstrain({name: value.double() for name, value in fitted.draws.items()})
        assert torch.allclose(draws.mean(0), mode + 0.7, atol=2e-2)
        assert float(draws.std(0).max()) < 2e-3


def test_the_model_it_gives_is_the_one_that_is_fitted(implicit_data: Simulate) -> None:
    """A level that ties the base rate to .9 by a thousand nats."""
    data = implicit_data(300, 3, seed=1)

    def refine(model: RewardModel, data: Batch, layout: Layout, at: Tensor) -> Any:
        assert isinstance(model, ImplicitModel)
        tied = model.with_level(lambda rate: 1000 * (torch.logit(rate) - math.log(9)) ** 2)
        return Refined(tied, newton_laplace(tied, data, layout, at=at).coordinates, "found")

    mine = ImplicitModel(data.shape)
    fitted = fit(mine, data.batch, inference=Laplace(draws=100), starts=1, refine=refine)
    assert float(fitted.draws["base_rate"].mean()) == pytest.approx(0.9, abs=0.01)
    assert fitted.refined == "found"
    assert mine.level is None


def test_no_starts_are_refused_whatever_is_given(shared: tuple[ImplicitModel, Batch, Layout]) -> None:
    model, batch, layout = shared
    with pytest.raises(ConfigError, match="starts: found 0"):
        fit(model, batch, starts=0, at=torch.zeros(layout.size))
