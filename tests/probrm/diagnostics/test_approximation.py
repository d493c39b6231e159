"""k̂, divergence and evidence against normals, of which all three are known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.stats
import torch

from probrm.diagnostics import assess, resample, systematic, weights
from probrm.diagnostics.approximation import smooth
from probrm.errors import DataError
from probrm.runs import finite


def normals(width: float, count: int, seed: int, shift: float = 0.0, evidence: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of q = N(shift, width²), their log density under e^evidence N(0, 1), and under q."""
    z = np.random.default_rng(seed).normal(shift, width, count)
    return z, scipy.stats.norm.logpdf(z) + evidence, scipy.stats.norm.logpdf(z, shift, width)


@pytest.mark.parametrize("width", [0.95, 0.8, 0.6])
def test_k_hat_is_the_tails_shape(width: float, seed_shift: int) -> None:
    """r exceeds t with probability t^(−1 / (1 − width²)), up to a logarithm that makes it look lighter: k = 1 − width².

    Of 100,000 draws 949 are the tail: a standard error of .05, four of them (0 of 40 seeds fail).
    """
    _, p, q = normals(width, 100_000, seed_shift)
    assert assess(p, q).k_hat == pytest.approx(1 - width**2, abs=0.2)


@pytest.mark.parametrize(("width", "verdict"), [(0.9, "good"), (0.2, "bad"), (1.3, "good")])
def test_verdict(width: float, verdict: str, seed_shift: int) -> None:
    """With k = .19, .96 and bounded ratios (0 of 40 seeds fail; with 4,000 draws the second would be usable once in ten times)."""
    _, p, q = normals(width, 100_000, seed_shift)
    found = assess(p, q)
    assert found.verdict == verdict
    assert ("too small" in found.note) == (verdict == "bad")


@pytest.mark.parametrize(("k_hat", "verdict"), [(0.49, "good"), (0.51, "usable"), (0.66, "usable"), (0.67, "bad"), (math.inf, "bad")])
def test_where_verdicts_change(k_hat: float, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1,000 draws, which are reliable up to two thirds."""
    monkeypatch.setattr("probrm.diagnostics.approximation.smooth", lambda ratios: (ratios, k_hat))
    assert assess(np.zeros(1000), np.zeros(1000)).verdict == verdict


@pytest.mark.parametrize(("width", "shift"), [(0.9, 0.0), (0.95, 0.3), (1.2, -0.4)])
def test_divergence_evidence_and_bound(width: float, shift: float, seed_shift: int) -> None:
    """KL(N(m, s²) ‖ N(0, 1)) = (s² + m² − 1) / 2 − log s. Within 5 standard errors; k̂ is good, so the evidence has one, too."""
    _, p, q = normals(width, 20_000, seed_shift, shift, evidence=7.0)
    found = assess(torch.from_numpy(p), torch.from_numpy(q))
    kl = (width**2 + shift**2 - 1) / 2 - math.log(width)
    assert found.verdict == "good"
    error = float(np.exp(p - q - 7).std()) / 20_000**0.5
    assert found.log_evidence == pytest.approx(7.0, abs=5 * error)
    assert found.elbo == pytest.approx(7 - kl, abs=5 * found.elbo_error)
    assert found.kl == pytest.approx(kl, abs=5 * (error + found.elbo_error))
    assert found.elbo_error == pytest.approx(float((p - q).std(ddof=1)) / 20_000**0.5)


def test_effective_draws_are_those_of_the_weights(seed_shift: int) -> None:
    """Kish's number: s / E_q r², and E_q r² = s / √(2 − 1/s²) of N(0, 1) over N(0, s²), s² > 1/2. Within 5 % (0 of 40 seeds fail)."""
    width = 0.9
    _, p, q = normals(width, 20_000, seed_shift)
    second = width / math.sqrt(2 - width**-2)
    assert assess(p, q).effective_draws == pytest.approx(20_000 / second, rel=0.05)


def test_a_guide_that_is_the_posterior() -> None:
    found = assess(np.full(1000, 4.5), np.full(1000, 2.0))
    assert (found.k_hat, found.verdict, found.kl, found.effective_draws) == (0.0, "good", 0.0, 1000.0)
    assert found.log_evidence == found.elbo == 2.5
    np.testing.assert_allclose(weights(np.full(1000, 4.5), np.full(1000, 2.0)), 1e-3)


def test_a_guide_that_is_the_posterior_up_to_rounding() -> None:
    noise = 1e-3 * np.random.default_rng(0).normal(size=1000)
    found = assess(3e4 + noise, np.zeros(1000))
    assert found.verdict == "good"
    assert found.kl < 1e-5


@pytest.mark.parametrize("count", [1, 5, 24])
def test_few_draws_are_no_ground_for_trust(count: int) -> None:
    for spread in (0.0, 1.0):
        found = assess(spread * np.random.default_rng(0).normal(size=count), np.zeros(count))
        assert (found.k_hat, found.verdict) == (math.inf, "bad")
        assert f"{count} draws are too few" in found.note


@pytest.mark.parametrize(("count", "threshold"), [(10, 0.0), (100, 0.5), (1000, 2 / 3), (10_000, 0.7)])
def test_threshold(count: int, threshold: float) -> None:
    assert assess(np.zeros(count), np.zeros(count)).threshold == pytest.approx(threshold)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_densities_that_are_no_numbers(bad: float) -> None:
    _, p, q = normals(0.9, 1000, 0)
    p[7] = bad
    found = assess(p, q)
    assert (found.verdict, found.note) == ("bad", "the densities of 1 of 1000 draws are no numbers")
    assert json.loads(json.dumps(finite(found.to_dict()), allow_nan=False))["k_hat"] is None
    with pytest.raises(DataError, match="no numbers"):
        weights(p, q)
    assert assess(np.full(100, -np.inf), np.zeros(100)).verdict == "bad"


def test_draws_that_the_posterior_excludes_have_no_weight() -> None:
    z, p, q = normals(1.2, 4000, 0)
    p[z < -1] = -np.inf
    w = weights(p, q)
    assert w[z < -1].sum() == 0
    assert w.sum() == pytest.approx(1)
    found = assess(p, q)
    assert found.kl == math.inf
    assert found.log_evidence == pytest.approx(math.log(scipy.stats.norm.sf(-1)), abs=0.05)


@pytest.mark.parametrize(("p", "q"), [(np.zeros(3), np.zeros(4)), (np.zeros((2, 3)), np.zeros((2, 3))), (np.zeros(0), np.zeros(0))])
def test_shapes_that_do_not_fit(p: np.ndarray, q: np.ndarray) -> None:
    with pytest.raises(DataError, match="log densities of shape"):
        assess(p, q)


def test_what_is_given_stays_as_it_is() -> None:
    _, p, q = normals(0.5, 1000, 0)
    before = p.copy(), q.copy()
    assess(p, q)
    weights(p, q)
    np.testing.assert_array_equal((p, q), before)


def test_both_generations_of_arviz_smooth_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.x under a stand-in with its sign: it takes log likelihoods, whose inverse are the ratios."""
    import sys
    import types

    import arviz

    _, p, q = normals(0.7, 4000, 0)
    expected, ours = assess(p, q), arviz.psislw
    monkeypatch.delattr(arviz, "psislw")
    base = types.ModuleType("arviz_stats.base")
    vars(base)["array_stats"] = types.SimpleNamespace(psislw=lambda ary: ours(-ary))
    monkeypatch.setitem(sys.modules, "arviz_stats", types.ModuleType("arviz_stats"))
    monkeypatch.setitem(sys.modules, "arviz_stats.base", base)
    assert assess(p, q) == expected


def test_resampling_counts_are_within_one_of_what_is_expected() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        w = rng.dirichlet(np.full(300, 0.3))
        counts = np.bincount(systematic(w, seed), minlength=300)
        assert counts.sum() == 300
        assert np.abs(counts - 300 * w).max() < 1
    np.testing.assert_array_equal(np.sort(systematic(np.full(50, 0.02))), np.arange(50))
    assert (systematic(np.eye(5)[2]) == 2).all()


def test_resampling_is_unbiased() -> None:
    """Mean count over 4,000 combs against s w, within 5 standard errors; a count varies by one at most, so by a variance of 1/4."""
    w = np.array([0.02, 0.31, 0.17, 0.5])
    counts = np.mean([np.bincount(systematic(w, seed), minlength=4) for seed in range(4000)], axis=0)
    assert np.abs(counts - 4 * w).max() < 5 * 0.5 / 4000**0.5


def test_resampling_mends_a_guide_that_is_off(seed_shift: int) -> None:
    """From N(.3, .8²) to N(0, 1): within 5 standard errors of as many effective draws; what is resampled together stays together."""
    z, p, q = normals(0.8, 20_000, seed_shift, shift=0.3)
    w = weights(p, q)
    found = resample({"z": torch.from_numpy(z), "table": np.stack([z, 2 * z], 1)}, w, seed=3)
    effective = assess(p, q).effective_draws
    assert abs(float(found["z"].mean())) < 5 / effective**0.5
    assert abs(float(found["z"].std()) - 1) < 5 / (2 * effective) ** 0.5 + 0.01
    np.testing.assert_array_equal(found["table"], np.stack([found["z"], 2 * found["z"]], 1))
    assert found["z"].shape == (20_000,)
    order = np.corrcoef(found["z"][1:], found["z"][:-1])[0, 1]
    assert abs(order) < 5 / 20_000**0.5 + 0.01  # copies do not stand side by side


def test_smoothing_leaves_the_body_of_the_ratios_where_it_was() -> None:
    """Of ratios whose largest is smoothed, too: their scale has to come from the others. With this seed the two differ by .27."""
    ratios = np.random.default_rng(1).normal(size=1000) + 40
    smoothed, _ = smooth(ratios)
    body = np.argsort(ratios)[:500]
    np.testing.assert_allclose(smoothed[body], ratios[body], atol=1e-9)
