from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference.device import own_random_stream
from probrm.inference.laplace.modes import Mode, find_modes
from probrm.inference.rank_correlation import spearman
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.base_rate import LevelRange
from probrm_models.implicit.identifiability.mode_selection import SURE, Choice, choose
from probrm_models.implicit.model import ImplicitModel
from tests.probrm_models.implicit.identifiability.identification import Log, Source, direction, log_of

NOTHING = Assumptions()


@functools.cache
def lopsided() -> tuple[Log, ImplicitModel, Layout, list[Mode]]:
    """Both heads see the embedding and one covariate; answers are mostly good, users hardly act."""
    source = Source(4)
    n, d = 1500, 3
    x, z = source.normal(n, d), source.normal(n, 1)
    gamma = torch.sigmoid(1.2 + x @ direction(source, d, 1.5))
    mu = torch.sigmoid(-1.0 + x @ direction(source, d, 1.5) + 1.5 * z[:, 0])
    batch, preference = log_of(source, x, gamma, mu, reward_covariates=z, propensity_covariates=z)
    log = Log(batch, LogShape(d, ("code",), ("code",)), gamma, mu, preference)
    model = ImplicitModel(log.shape, ImplicitConfig(share_embedding=True), batch.slice(0, 256))
    layout = Layout.of(model, batch)
    with own_random_stream(0):
        return log, model, layout, find_modes(model, batch, layout, 1)


def chosen(labels: Tensor | None = None, *assumed: str, modes: list[Mode] | None = None) -> Choice:
    log, model, layout, found = lopsided()
    data = log.batch if labels is None else Batch({**log.batch.columns, "label": labels}, len(log.batch))
    return choose(model, data, layout, modes or found, Assumptions.parse(assumed))


def labels(count: int, wrong: bool = False) -> Tensor:
    """True verdicts of rows at random, or such as the swapped mode would expect."""
    log = lopsided()[0]
    given = torch.full((len(log.batch),), math.nan)
    rows = Source(9).choose(len(log.batch), count)
    verdict = torch.maximum(torch.bernoulli(log.mu, generator=Source(8).generator), log.batch["action"]) if wrong else log.preference
    given[rows] = verdict[rows]
    return given


def right(choice: Choice) -> bool:
    log, model, layout, _ = lopsided()
    reward = model.reward(layout.constrain(choice.candidates[0].mode.loc), log.batch.to(dtype=torch.float64))
    return spearman(reward, log.gamma) > spearman(reward, log.mu)


def test_nothing_tells_them_apart() -> None:
    found = chosen()
    assert len(found.candidates) == len(found.tied) == 2
    assert [c.probability for c in found.candidates] == [0.5, 0.5]
    assert not found.named
    assert [(c.labels, c.assumptions) for c in found.candidates] == [(0.0, 0.0)] * 2


def test_labels_name_the_right_one_and_false_labels_the_other() -> None:
    found = chosen(labels(40))
    assert found.named
    assert right(found)
    assert found.candidates[0].probability > 0.99
    swapped = chosen(labels(40, wrong=True))
    assert swapped.named
    assert not right(swapped)


def test_probability_is_of_the_labels_given_the_actions() -> None:
    """Against the definition: ``Σ log mean_s p(label | action, draw)``, the draws around the mode."""
    log, model, layout, modes = lopsided()
    given = labels(6)
    found = chosen(given)
    rows = (~given.isnan()).nonzero()[:, 0]
    data = log.batch.subset(rows).to(dtype=torch.float64)
    for candidate in found.candidates:
        with own_random_stream(0):
            epsilon = torch.randn(200, layout.size, dtype=torch.float64)
        draws = layout.constrain(candidate.mode.laplace.coordinates(epsilon))
        gamma, mu = model.reward(draws, data).sigmoid(), model.propensity(draws, data).sigmoid()
        good = torch.where(data["action"] == 1, torch.ones_like(gamma), gamma * (1 - mu) / (1 - gamma * mu))
        density = torch.where(given[rows] == 1, good, 1 - good).mean(0)
        assert candidate.labels == pytest.approx(float(density.log().sum()), abs=1e-6)
    first, second = found.candidates
    assert first.probability == pytest.approx(1 / (1 + math.exp(second.labels - first.labels)))
    assert len(modes) == 2


def test_an_action_on_a_good_answer_is_no_evidence() -> None:
    """Where users acted, every mode is sure that the answer was good."""
    log = lopsided()[0]
    given = torch.where(log.batch["action"] == 1, 1.0, math.nan)
    assert all(abs(c.labels) < 1e-9 for c in chosen(given).candidates)


def test_a_base_rate_tells_them_apart() -> None:
    """A mode counts with the rates that the log allows under it; γ is mostly above .7 here, μ mostly below .3."""
    found = chosen(None, "base-rate=0.72±0.03")
    assert found.named
    assert right(found)
    other = chosen(None, "base-rate=0.35±0.03")
    assert other.named
    assert not right(other)


def test_a_direction_tells_them_apart() -> None:
    found = chosen(None, "code raises propensity")
    assert right(found)
    opposite = chosen(None, "code raises reward")
    assert not right(opposite)
    assert opposite.candidates[0].assumptions > opposite.candidates[1].assumptions


def test_a_mode_with_a_lower_likelihood_is_none() -> None:
    """Even if labels and assumptions speak for it."""
    front, back = lopsided()[3]
    assert back.tied
    worse = replace(back, behind=50.0, error=2.0)
    assert not worse.tied
    found = chosen(labels(40, wrong=True), modes=[front, worse])
    assert [c.probability for c in found.candidates] == [1.0, 0.0]
    assert found.named
    assert len(found.tied) == 1


def test_named_from_a_probability_on() -> None:
    """A base rate of such a width that the modes' probabilities cross the threshold: named above it only."""
    seen = [chosen(None, f"base-rate=0.6±{sd}") for sd in (0.02, 0.05, 0.1, 0.2, 0.28)]
    assert {c.named for c in seen} == {True, False}
    assert all(c.named == (c.candidates[0].probability >= SURE) for c in seen)
    assert all(sum(x.probability for x in c.candidates) == pytest.approx(1.0) for c in seen)


def test_the_choice_leaves_random_numbers_alone() -> None:
    chosen()
    before = torch.get_rng_state()
    first = chosen(labels(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert [c.labels for c in first.candidates] == [c.labels for c in chosen(labels(5)).candidates]


def test_base_rates_that_are_allowed_lie_in_the_level_range() -> None:
    log, model, layout, modes = lopsided()
    values = layout.constrain(modes[0].loc)
    rows = log.batch.to(dtype=torch.float64)
    allowed = LevelRange.of(float(values["base_rate"]), model.reward(values, rows).sigmoid(), model.propensity(values, rows).sigmoid())
    inside, outside = (allowed.low + allowed.high) / 2, max(0.02, allowed.low - 0.25)
    near, far = (
        next(c.assumptions for c in chosen(None, f"base-rate={rate:.3f}±0.01").candidates if c.mode is modes[0])
        for rate in (inside, outside)
    )
    assert near > 0 > -5 > far
