from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from probrm.inference.laplace.profile import Profile
from probrm_models.implicit.identifiability.base_rate import TOP, Level, LevelCorrection, LevelRange

UNIFORM = torch.distributions.Beta(torch.tensor(1.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
PRIOR = torch.distributions.Beta(torch.tensor(2.0, dtype=torch.float64), torch.tensor(5.0, dtype=torch.float64))
KNOTS = torch.linspace(-4.0, 4.0, 17, dtype=torch.float64)
TILTED = 3.0 * KNOTS  # the link is sure that answers are good
RANGE = LevelRange(0.3, 0.6)


def profile(evidence: Tensor) -> Profile:
    return Profile(0, KNOTS, evidence, KNOTS[:, None])


def level(
    actions: Tensor, labels: Tensor | float = 0.0, range_: LevelRange | None = RANGE, prior: torch.distributions.Beta = PRIOR
) -> Level:
    return Level.of(prior, profile(actions), profile(actions + labels), range_)


def inside(found: Level) -> Tensor:
    assert found.range is not None
    low, high = found.range.logits
    return (found.grid >= low) & (found.grid <= high)


def rates(count: int, top: float, seed: int) -> Tensor:
    """The largest 2 % are ``top`` exactly: so is their .99 quantile."""
    found = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * top * 0.9
    found[: count // 50] = top
    return found[torch.randperm(count, generator=torch.Generator().manual_seed(seed))]


def test_range_in_closed_form() -> None:
    found = LevelRange.of(0.4, rates(1000, 0.8, 0), rates(1000, 0.5, 1))
    assert found.low == pytest.approx(0.4 * 0.5)
    assert found.high == pytest.approx(0.4 / 0.8)
    assert found.ratio == pytest.approx(1 / (0.8 * 0.5))
    assert found.logits == pytest.approx((math.log(0.2 / 0.8), 0.0), abs=1e-6)


def test_range_stays_within_rates() -> None:
    """γ of an unlikely fit may be so low that no factor reaches its end; the range then stops short of 0 and 1."""
    found = LevelRange.of(0.4, rates(1000, 0.2, 0), rates(1000, 1e-9, 1))
    assert (found.low, found.high) == (0.001, 0.999)
    assert all(math.isfinite(x) for x in found.logits)
    point = LevelRange.of(0.9995, torch.ones(10), torch.ones(10))
    assert point.low == point.high
    assert point.ratio == 1.0


def test_one_noisy_row_does_not_close_the_range() -> None:
    preference = rates(1000, 0.5, 0)
    before = LevelRange.of(0.3, preference, torch.full((1000,), 0.4))
    preference[preference.argmin()] = 1.0
    assert TOP == 0.99
    assert LevelRange.of(0.3, preference, torch.full((1000,), 0.4)).high == pytest.approx(before.high)


def test_any_factor_within_the_range_gives_the_same_actions() -> None:
    """The range holds exactly the factors that leave γ and μ probabilities; all of them give one γμ, and one and the same range."""
    gamma, mu = rates(1000, 0.8, 0).double(), rates(1000, 0.5, 1).double()
    base_rate = float(gamma.mean())
    found = LevelRange.of(base_rate, gamma, mu)
    for share in (0.0, 0.3, 1.0):
        factor = (found.low + share * (found.high - found.low)) / base_rate
        moved, rest = gamma * factor, mu / factor
        assert float(moved.max()) <= 1 + 1e-9
        assert float(rest.max()) <= 1 + 1e-9
        torch.testing.assert_close(moved * rest, gamma * mu, rtol=1e-12, atol=0)
        again = LevelRange.of(float(moved.mean()), moved, rest)
        assert (again.low, again.high) == pytest.approx((found.low, found.high), rel=1e-9)
    for beyond in (found.low * 0.99, found.high * 1.01):
        factor = beyond / base_rate
        assert float((gamma * factor).max()) > 1 or float((mu / factor).max()) > 1


def test_within_the_range_only_the_prior_speaks() -> None:
    found = level(TILTED)
    here = inside(found)
    taken = found.actions - found.taken_out()
    assert float(taken[here].std()) < 1e-8, "the evidence of the actions is flat there"
    shape = found.marginal() - found.prior
    assert float(shape[here].std()) < 1e-8


def test_beyond_the_range_the_evidence_keeps_its_slope() -> None:
    found = level(TILTED)
    low, high = RANGE.logits
    left, step = found.actions - found.taken_out(), float(found.grid[1] - found.grid[0])
    known = (found.grid > KNOTS[0]) & (found.grid < KNOTS[-1])
    for outside in (found.grid < low - step, found.grid > high + step):
        kept = left[outside & known].diff() / step
        torch.testing.assert_close(kept, torch.full_like(kept, 3.0))
    rising = left[found.grid > KNOTS[-1]].diff()
    torch.testing.assert_close(rising, torch.zeros_like(rising))  # nobody has looked there: it is not trusted to go on rising


def test_what_is_taken_out_is_continuous_and_never_adds() -> None:
    curved = -0.5 * (KNOTS - 1.0).square() * 4
    taken = level(curved).taken_out()
    assert float(taken.max()) == 0.0
    assert float(taken.diff().abs().max()) < 0.2


def test_labels_count_within_the_range() -> None:
    """A narrow normal evidence of the labels beside a uniform prior: the posterior is theirs, the link's slope moves nothing."""
    centre, sd = -0.22, 0.2  # within the range, and no narrower than knots are set for
    labels = -0.5 * ((KNOTS - centre) / sd).square()
    found = level(TILTED, labels, prior=UNIFORM)
    mean, deviation = found.moments()
    assert mean == pytest.approx(centre, abs=0.02)
    assert deviation == pytest.approx(sd, rel=0.05)
    believed, _ = level(TILTED, labels, None, UNIFORM).moments()
    assert believed == pytest.approx(centre + 3.0 * sd**2, abs=0.02), "the link's slope moves a normal by slope × variance"


def test_marginal_and_moments_of_the_prior_alone() -> None:
    """No evidence: the logit of a Beta has moments in polygamma functions."""
    found = level(torch.zeros_like(KNOTS), range_=None)
    assert float(found.marginal().exp().sum()) == pytest.approx(1.0)
    a, b = torch.tensor(2.0, dtype=torch.float64), torch.tensor(5.0, dtype=torch.float64)
    mean, sd = found.moments()
    assert mean == pytest.approx(float(torch.digamma(a) - torch.digamma(b)), abs=0.02)  # the grid ends at ±5.5
    assert sd == pytest.approx(float((torch.polygamma(1, a) + torch.polygamma(1, b)).sqrt()), rel=0.02)


def test_robust_against_link() -> None:
    robust, link = level(TILTED), level(TILTED, range_=None)
    assert link.correction() is None
    assert not link.taken_out().any()
    assert RANGE.logits[0] < robust.moments()[0] < RANGE.logits[1]
    assert link.moments()[0] > RANGE.logits[1] + 0.3
    assert robust.moments()[1] > 0.2


def test_a_range_beyond_the_grid_ends_with_it() -> None:
    found = level(TILTED, range_=LevelRange(0.0005, 0.9999))
    here = found.actions - found.taken_out()
    assert float(here.std()) < 1e-8
    assert torch.isfinite(found.marginal()).all()


def test_correction_is_what_is_taken_out() -> None:
    found = level(TILTED)
    correction = found.correction()
    assert correction is not None
    rate = torch.sigmoid(found.grid[100:700:50]).requires_grad_()
    torch.testing.assert_close(correction(rate), found.taken_out()[100:700:50], atol=1e-6, rtol=0)
    (slope,) = torch.autograd.grad(correction(rate).sum(), rate)
    expected = torch.where(inside(found)[100:700:50], 3.0 / (rate * (1 - rate)), 0.0).detach()
    clear = (torch.logit(rate.detach())[:, None] - torch.tensor(RANGE.logits)).abs().amin(1) > 0.1  # not at the two kinks
    torch.testing.assert_close(slope[clear], expected[clear], atol=1e-3, rtol=1e-3)


def test_correction_of_one_rate_and_of_many() -> None:
    correction = LevelCorrection(KNOTS, TILTED)
    rate = torch.tensor([[0.2, 0.5], [0.7, 0.9]], dtype=torch.float64)
    torch.testing.assert_close(correction(rate), 3.0 * torch.logit(rate))
    torch.testing.assert_close(correction(rate[0, 0]), 3.0 * torch.logit(rate[0, 0]))
    assert correction(rate.float()).dtype == torch.float32
