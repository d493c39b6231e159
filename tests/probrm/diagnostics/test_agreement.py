from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from probrm.diagnostics import agreements
from probrm.diagnostics.agreement import Agreement, agreement


def draws(loc: float, scale: float, seed: int, count: int = 20_000, size: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(loc, scale, (count, size))


@pytest.mark.parametrize(
    ("loc", "scale", "verdict"),
    [(0.0, 1.0, "agrees"), (0.0, 0.5, "too narrow"), (0.0, 2.0, "too wide"), (1.0, 1.0, "shifted"), (0.1, 0.95, "agrees")],
)
def test_numbers_of_normals(loc: float, scale: float, verdict: str, seed_shift: int) -> None:
    """Ours N(loc, scale²), theirs N(0, 1): shift, ratio and coverage in closed form, within 5 standard errors of 20,000 draws."""
    found = agreement(torch.from_numpy(draws(loc, scale, seed_shift)), draws(0.0, 1.0, 1000 + seed_shift))
    assert found.verdict == verdict
    assert found.shift_rms == pytest.approx(abs(loc), abs=0.05)
    assert found.shift_max == pytest.approx(abs(loc), abs=0.05)
    assert found.sd_ratio_median == pytest.approx(scale, rel=0.05)
    assert found.sd_ratio_min <= found.sd_ratio_median <= found.sd_ratio_max
    half = scipy.stats.norm.ppf(0.95) * scale
    covered = scipy.stats.norm.cdf(loc + half) - scipy.stats.norm.cdf(loc - half)
    assert found.coverage == pytest.approx(covered, abs=0.02)
    assert found.coverage_min <= found.coverage


def test_weights_make_a_reference_of_our_own_draws(seed_shift: int) -> None:
    """Draws of N(0, .8²) weighed to N(0, 1) tell as much as draws of N(0, 1)."""
    ours = draws(0.0, 0.8, seed_shift, 100_000, 1)
    w = np.exp(scipy.stats.norm.logpdf(ours[:, 0]) - scipy.stats.norm.logpdf(ours[:, 0], 0, 0.8))
    found = agreement(ours, ours, w / w.sum())
    assert found.sd_ratio_median == pytest.approx(0.8, abs=0.02)
    assert found.coverage == pytest.approx(2 * scipy.stats.norm.cdf(scipy.stats.norm.ppf(0.95) * 0.8) - 1, abs=0.01)


def test_one_entry_far_off_is_seen_among_many() -> None:
    ours, theirs = draws(0.0, 1.0, 0, size=50), draws(0.0, 1.0, 1, size=50)
    ours[:, 7] *= 0.3
    found = agreement(ours, theirs)
    assert found.coverage > 0.88
    assert found.coverage_min < 0.5
    assert found.verdict == "too narrow"
    assert not found.wrong


def test_what_misleads() -> None:
    assert Agreement(0, 0, 0.5, 0.5, 0.5, 0.74, 0.74).wrong
    assert not Agreement(0, 0, 0.8, 0.8, 0.8, 0.8, 0.8).wrong


def test_variables_by_name_and_those_that_do_not_vary() -> None:
    x = torch.from_numpy(draws(0.0, 1.0, 0))
    found = agreements({"b": x, "a": x[:, 0], "mine": x, "fixed": torch.ones(20_000)}, {"a": x[:, 0], "b": x, "fixed": torch.ones(20_000)})
    assert list(found) == ["a", "b", "fixed"]
    assert (found["a"].coverage, found["a"].sd_ratio_max, found["a"].shift_max) == pytest.approx((0.9, 1.0, 0.0), abs=1e-3)
    fixed = found["fixed"]
    assert (fixed.coverage, fixed.shift_max, fixed.sd_ratio_min) == (pytest.approx(0.9), 0.0, 1.0)
    assert fixed.verdict == "agrees"
    assert found["a"].to_dict()["verdict"] == "agrees"
