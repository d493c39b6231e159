from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.heads import HeadConfig
from probrm.inference import SVI, Laplace
from probrm.inference.rank_correlation import spearman
from probrm.priors import Beta
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import REFERENCE, ImplicitFit, fit_implicit
from probrm_models.implicit.model import ImplicitModel
from tests.probrm_models.implicit.identifiability.identification import Log, by_user, constant, shared

MU = 0.6


def fitted(log: Log, *, starts: int = 1, inference: Any = "laplace", held_out: np.ndarray | None = None, **settings: Any) -> ImplicitFit:
    return fit_implicit(log.batch, log.shape, ImplicitConfig(**settings), inference=inference, starts=starts, held_out=held_out)


def rate(found: ImplicitFit) -> tuple[float, float]:
    draws = found.fitted.draws["base_rate"].double()
    return float(draws.mean()), float(draws.std())


@functools.cache
def plateau() -> Log:
    """Constant propensity .6, and γ between .1 and .6: a logistic head takes the plateau for certainty."""
    return constant(4000, 1, mu=MU)


@functools.cache
def at_plateau(*assume: str, level: str = "robust") -> ImplicitFit:
    return fitted(plateau(), level=level, assume=assume)


# ---- a constant propensity: the level is nobody's but the prior's


def test_robust_gives_the_prior_within_the_range_back() -> None:
    """Beta(2, 2) cut at the range; the ends are soft, so that mean and deviation agree to a few hundredths."""
    found = at_plateau()
    low, high = found.identifiability["level"]["range"]
    grid = np.linspace(low, high, 2001)
    weight = stats.beta.pdf(grid, 2, 2)
    weight /= weight.sum()
    mean = float(weight @ grid)
    sd = float(np.sqrt(weight @ (grid - mean) ** 2))
    ours = rate(found)
    assert ours[0] == pytest.approx(mean, abs=0.04)
    assert 0.8 * sd < ours[1] < 1.5 * sd
    assert found.identifiability["verdict"] == "ranking only"
    assert found.identifiability["level"]["governed_by"] == "prior"


def test_two_priors_give_two_answers() -> None:
    low, high = at_plateau("base-rate=0.3±0.05"), at_plateau("base-rate=0.43±0.04")
    assert rate(low) == pytest.approx((0.3, 0.05), abs=0.02)
    assert rate(high) == pytest.approx((0.43, 0.04), abs=0.02)
    assert low.identifiability["verdict"] == "identified"
    assert low.identifiability["level"]["governed_by"] == "assumption"
    assert abs(low.identifiability["level"]["contraction"]) < 0.35, "the log adds nothing to what was assumed"
    assert isinstance(low.fitted.model, ImplicitModel)
    assert low.fitted.model.config.priors.base_rate != Beta(2.0, 2.0)


def test_the_link_is_sure_and_wrong_where_robust_is_neither() -> None:
    """The γ of ``plateaus`` averages .35. Believing the curve puts it beyond three deviations; robust covers it within two."""
    truth = float(plateau().gamma.mean())
    link, robust = at_plateau(level="link"), at_plateau()
    mean, sd = rate(link)
    assert link.identifiability["level"]["contraction"] > 0.95
    assert abs(mean - truth) > 3 * sd
    mean, sd = rate(robust)
    assert abs(mean - truth) < 2 * sd
    low, high = robust.identifiability["level"]["range"]
    assert low < truth < high
    assert link.identifiability["verdict"] == "ranking only", "pinned by the link alone is not identified"


def test_the_intercepts_fall_and_rise_together() -> None:
    """Without a level they are one number's two parts; with known propensities there is nothing left to trade."""
    assert at_plateau().identifiability["level"]["intercept_correlation"] < -0.8
    log = plateau()
    known = Batch({**log.batch.columns, "known_propensity": torch.full((4000,), MU)}, 4000)
    found = fit_implicit(known, log.shape, ImplicitConfig(), inference="laplace", starts=1)
    assert found.identifiability["verdict"] == "identified"
    assert found.identifiability["level"]["governed_by"] == "experiment"
    assert abs(found.identifiability["level"]["intercept_correlation"]) < 0.15
    mean, sd = rate(found)
    assert sd < 0.03
    assert abs(mean - float(log.gamma.mean())) < 4 * sd


@pytest.mark.parametrize("seed", [0, 1])
def test_fifty_labels_fix_the_level(seed: int, seed_shift: int) -> None:
    """Within 3 posterior deviations of the truth; see the long test for the failure rate."""
    log = constant(1500, 2, mu=MU, labels=50, seed=seed + 1000 * seed_shift)
    found = fitted(log)
    mean, sd = rate(found)
    assert abs(mean - float(log.gamma.mean())) < 3 * sd
    assert sd < 0.08
    assert found.identifiability["level"]["governed_by"] in ("labels", "saturation")
    assert found.identifiability["verdict"] == "identified"


@pytest.mark.long
def test_fifty_labels_fix_the_level_in_forty_logs(simulations: Callable[[int, int], int]) -> None:
    """The intervals of the base rate are those of its labels: z-scores beyond 3 nowhere, root mean square near 1."""
    z: list[float] = []
    for seed in range(simulations(40, 12)):
        log = constant(1500, 2, mu=MU, labels=50, seed=seed)
        mean, sd = rate(fitted(log))
        z.append((mean - float(log.gamma.mean())) / sd)
    print("z", np.round(z, 2), "root mean square", round(float(np.sqrt(np.mean(np.square(z)))), 2))
    assert np.abs(z).max() < 3
    low, high = stats.chi2.ppf([0.0005, 0.9995], len(z))
    assert low < np.sum(np.square(z)) < high


def test_users_vary_the_propensity() -> None:
    found = fitted(by_user(800, 1))
    assert found.identifiability["verdict"] == "up to scale"
    assert found.identifiability["users_seen_often"] == 20


# ---- both heads see the same


@functools.cache
def mirrored(labels: int = 0) -> tuple[Log, ImplicitFit]:
    log = shared(1500, 3, labels=labels)
    return log, fitted(log, share_embedding=True)


def rewards(log: Log, draws: dict[str, Tensor], model: Any) -> Tensor:
    return model.reward(draws, log.batch).mean(0)


def right(log: Log, one: Any) -> bool:
    found = rewards(log, one.draws, one.model)
    return spearman(found, log.gamma) > spearman(found, log.mu)


def test_a_tie_gives_both_modes() -> None:
    log, found = mirrored()
    assert found.identifiability["verdict"] == "not identified"
    assert not found.identifiability["named"]
    assert len(found.rivals) == 1
    assert sorted([right(log, found.fitted), right(log, found.rivals[0])]) == [False, True]


def test_labels_give_one() -> None:
    log, found = mirrored(60)
    assert found.identifiability["named"]
    assert found.rivals == []
    assert right(log, found.fitted)
    assert found.identifiability["verdict"] != "not identified"


def test_labels_that_name_the_wrong_mode_do_so_with_a_note() -> None:
    """γ and μ alike (rank correlation .66), labels of bad luck: with them the likelihood has one mode, the wrong one. The tie is told."""
    log = shared(1000, 3, labels=60)
    found = fitted(log, share_embedding=True)
    assert not right(log, found.fitted), "the setting has become too easy"
    assert sum(mode["tied"] for mode in found.identifiability["modes"]) == 2
    assert any("chosen with probability" in note for note in found.identifiability["notes"])


def test_without_sharing_there_is_no_tie() -> None:
    log = mirrored()[0]
    found = fitted(log, starts=3)
    assert len(found.identifiability["modes"]) == 1
    assert found.rivals == []
    assert found.identifiability["verdict"] != "not identified"


# ---- the rest of the call


def test_one_seed_one_answer() -> None:
    log = constant(200, 1)
    first, second = fitted(log), fitted(log)
    assert all(torch.equal(first.fitted.draws[name], second.fitted.draws[name]) for name in first.fitted.draws)
    assert first.identifiability == second.identifiability


def test_held_out_rows_are_scored_and_then_fitted_too() -> None:
    log = constant(200, 1)
    found = fitted(log, held_out=np.arange(0, 200, 10), inference=Laplace())
    assert found.fitted.held_out is not None
    assert -1.0 < found.fitted.held_out < 0.0
    assert fitted(log, held_out=np.arange(0)).fitted.held_out is None


def test_svi_runs_over_the_same_level() -> None:
    found = fitted(constant(200, 1), held_out=np.arange(0, 200, 10), inference=SVI(max_steps=20, draws=50))
    assert found.fitted.draws["base_rate"].shape == (50,)
    assert found.identifiability["verdict"] == "ranking only"


def test_facts_are_checked() -> None:
    log = by_user(300, 1)
    facts = {"length": np.arange(300.0), "prompt": (np.arange(300) // 10).astype(str)}
    found = fit_implicit(log.batch, log.shape, ImplicitConfig(), inference="laplace", starts=1, facts=facts)
    assert {check["name"] for check in found.identifiability["checks"]} == {"user", "length"}
    assert found.identifiability["graph"]["content"] == 30


def test_the_reference_rows_are_drawn_by_weight() -> None:
    log = constant(600, 1)
    weight = torch.full((600,), 1e-9)
    weight[300:] = 1.0
    x = torch.where(weight[:, None] == 1, log.batch["embedding"], 99.0)
    data = Batch({**log.batch.columns, "weight": weight, "embedding": x}, 600)
    model = fit_implicit(data, log.shape, ImplicitConfig(), inference="laplace", starts=1).fitted.model
    assert isinstance(model, ImplicitModel)
    assert len(model.reference_embedding) == REFERENCE
    assert float(model.reference_embedding.max()) < 99.0


def test_trained_trunks_are_not_compared() -> None:
    """No Newton steps between modes there: what both heads see is not named without labels."""
    log = shared(300, 2)
    head = HeadConfig("mlp", (4,))
    found = fitted(log, inference=SVI(max_steps=20, draws=50), share_embedding=True, reward_head=head, propensity_head=head)
    assert found.identifiability["modes"] == []
    assert found.identifiability["verdict"] == "not identified"
    assert not found.identifiability["named"]


def test_what_cannot_be_fitted() -> None:
    log = constant(100, 1)
    with pytest.raises(ConfigError, match="the propensity has no covariate 'code'; it has none"):
        fitted(log, assume=("code raises propensity",))
    with pytest.raises(ConfigError, match="starts: found 0"):
        fitted(log, starts=0)
    with pytest.raises(ConfigError, match="found neither a base rate nor a direction"):
        fitted(log, assume=("answers are good",))
