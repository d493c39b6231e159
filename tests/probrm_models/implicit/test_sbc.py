"""Simulation-based calibration of the implicit model (Talts et al. 2018, arXiv 1804.06788).

The simulator, the ranks and the biased posteriors are those of ``benchmarks/implicit_sbc.py``, which draws the figure. A third of
the 150 rows have a verdict, so that the model is identified. Fits see every row once: no weights, no held-out rows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.implicit_sbc import COUNTS, MOST, VERDICTS, draw_world, gather, quantities, report, run, simulation, widened
from probrm.diagnostics import Ranks
from probrm_models.implicit.config import ImplicitPriors

CHAINS = pytest.mark.skipif(not os.environ.get("PROBRM_CHAINS"), reason="a quarter of an hour of NUTS; PROBRM_CHAINS=1 runs it")
FEW = {"svi": 24, "laplace": 0, "nuts": 60}
"""Simulations without ``--thorough``: as few as still detect the biased posteriors, of the default inference alone."""
LEVEL = 0.01
"""Failure rate of a test of calibration where the posterior is exact: of all quantities together (Bonferroni)."""


def test_a_world_is_drawn_from_the_model() -> None:
    """Verdicts where they are asked for, no action on an answer judged bad, and the base rate is the mean of γ over the log."""
    for seed in range(20):
        world = draw_world(seed)
        action, label = world.log["action"], world.log["label"]
        assert int((~label.isnan()).sum()) == VERDICTS
        assert not ((action == 1) & (label == 0)).any()
        mean = world.model().reward(world.truth, world.log).sigmoid().mean()
        assert float(mean) == pytest.approx(float(world.truth["base_rate"]), abs=1e-4)


def test_worlds_have_the_priors_and_the_likelihood_of_the_model() -> None:
    """Means over 200 worlds, each within 5 standard errors of what the model says."""
    worlds = [draw_world(seed) for seed in range(200)]
    rates = torch.cat([world.truth["base_rate"] for world in worlds])
    assert float(rates.mean()) == pytest.approx(0.5, abs=5 * math.sqrt(0.05 / 200))  # Beta(2, 2) has variance 1/20
    effects = torch.cat([world.truth["propensity_effects"] for world in worlds])
    assert float(effects.std()) == pytest.approx(ImplicitPriors().effects.scale, rel=5 / math.sqrt(2 * effects.numel()))
    excess, judged, variance = 0.0, 0.0, 0.0
    for world in worlds:
        model = world.model()
        gamma, mu = model.reward(world.truth, world.log)[0].sigmoid(), model.propensity(world.truth, world.log)[0].sigmoid()
        excess += float((world.log["action"] - gamma * mu).sum())
        judged += float((world.log["label"] - gamma)[:VERDICTS].sum())
        variance += float((gamma * mu * (1 - gamma * mu)).sum())
    assert abs(excess) < 5 * math.sqrt(variance)
    assert abs(judged) < 5 * math.sqrt(0.25 * VERDICTS * 200)


def test_the_same_seed_is_the_same_world() -> None:
    first, again = draw_world(7), draw_world(7)
    assert all(torch.equal(first.truth[name], again.truth[name]) for name in first.truth)
    assert torch.equal(first.log["action"], again.log["action"])
    assert not torch.equal(first.log["action"], draw_world(8).log["action"])


def test_what_is_ranked() -> None:
    world = draw_world(0)
    found = quantities(world.model(), world.truth, world)
    assert set(found) == set(world.truth) | {"reward_judged", "reward_unjudged", "reward_new", "log_likelihood"}
    assert all(value.shape == (1,) and np.isfinite(value).all() for value in found.values())
    direct = world.model().log_likelihood(world.truth, world.log).sum()
    assert found["log_likelihood"] == pytest.approx(float(direct))


@pytest.mark.parametrize(("distort", "sd", "mean"), [({"factor": 0.5}, 0.5, 0.0), ({"shift": 0.7}, 1.0, 0.7)])
def test_biased_posteriors(distort: dict[str, float], sd: float, mean: float) -> None:
    draws = {"base_rate": torch.randn(50).sigmoid(), "reward_weights_scale": torch.randn(50).exp(), "reward_weights": torch.randn(50, 2)}
    found = widened(draws, **distort)
    for name, unbound in {"base_rate": torch.logit, "reward_weights_scale": torch.log, "reward_weights": torch.clone}.items():
        before, after = unbound(draws[name]), unbound(found[name])
        assert torch.allclose(after.std(0), sd * before.std(0), rtol=1e-3)
        assert torch.allclose(after.mean(0), before.mean(0) + mean * before.std(0), atol=1e-4)


def test_a_simulation_from_end_to_end() -> None:
    """Ranks of all quantities under each distortion, and the same again for the same seed."""
    found = simulation("laplace", 0)
    assert set(found) == {"as it is", "halved", "shifted"}
    ranks = gather([found, found])
    assert all(0 <= value[0] <= MOST for value in ranks.values.values())
    assert simulation("laplace", 0) == found


def ranks_of(inference: str, folder: Path, shift: int, count: int) -> dict[str, Ranks]:
    """Of the right posterior and the biased ones."""
    first = 100_000 * shift
    found = run(inference, range(first, first + count), folder / "kept.jsonl", workers=min(4, os.cpu_count() or 1))
    table = {label: gather(found, label) for label in ("as it is", "halved", "shifted")}
    for label, ranks in table.items():
        report(f"{inference}, {label}", ranks)
    return table


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("inference", ["laplace", "svi", pytest.param("nuts", marks=CHAINS)])
def test_calibration(inference: str, tmp_path: Path, seed_shift: int, simulations: Callable[[int, int], int]) -> None:
    """Ranks of every quantity are uniform; those of the same draws with halved widths, or moved by .7 standard deviations, are not."""
    table = ranks_of(inference, tmp_path, seed_shift, simulations(COUNTS[inference], FEW[inference]))
    assert table["halved"].p() < LEVEL
    assert table["shifted"].p() < LEVEL
    assert table["as it is"].p() > LEVEL
