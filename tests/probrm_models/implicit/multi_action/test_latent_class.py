"""The actions of a row with the preference summed out, against enumeration, scipy and quadrature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad
from scipy.stats import lognorm

from probrm.actions import Click, Dwell, LogBernoulli, Ordinal
from probrm_models.implicit.multi_action.latent_class import RowActions

GAMMA, MU, AGAINST = 0.35, (0.8, 0.3, 0.55), (False, True, False)
pytestmark = pytest.mark.usefixtures("double")


def coin(p: float, n: int = 1) -> LogBernoulli:
    x = torch.full((n,), math.log(p / (1 - p)))
    return LogBernoulli(F.logsigmoid(x), F.logsigmoid(-x))


def binary(gamma: float = GAMMA, click: Click | None = None, n: int = 1) -> RowActions:
    """Three yes/no actions, the second of them against the answer."""
    sides = []
    for preferred in (True, False):
        given = []
        for mu, against in zip(MU, AGAINST, strict=True):
            a = coin(mu, n)
            none, sure = torch.full((n,), -math.inf), torch.zeros(n)
            s = (a.log_p1, a.log_p0) if preferred != against else (none, sure)
            given.append((click or Click()).given(*s, (click or Click()).false_rate))
        sides.append(given)
    return RowActions(coin(gamma, n), *sides)


def enumerated(o: tuple[float, ...], epsilon: float) -> tuple[float, float]:
    """P(o) and P(r* = 1, o): the sum over all (r*, a_1, a_2, a_3)."""
    total, liked = 0.0, 0.0
    for r in (0, 1):
        for a in itertools.product((0, 1), repeat=3):
            p = GAMMA if r else 1 - GAMMA
            for k in range(3):
                p *= MU[k] if a[k] else 1 - MU[k]
                s = (1 - r if AGAINST[k] else r) * a[k]
                rate = s + (1 - s) * epsilon
                p *= rate if o[k] else 1 - rate
            total, liked = total + p, liked + p * r
    return total, liked


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_the_marginal_is_the_sum_over_preference_and_activities(epsilon: float) -> None:
    d = binary(click=Click(false_rate=epsilon))
    for o in itertools.product((0.0, 1.0), repeat=3):
        total, liked = enumerated(o, epsilon)
        value = torch.tensor([o])
        found = float(d.log_prob(value).exp())
        assert found == pytest.approx(total, abs=1e-12)
        if total:
            assert float(d.posterior(value)) == pytest.approx(liked / total, abs=1e-12)


def test_what_was_not_observed_is_summed_out() -> None:
    d = binary()
    for o1, o3 in itertools.product((0.0, 1.0), repeat=2):
        summed = sum(float(d.log_prob(torch.tensor([[o1, o2, o3]])).exp()) for o2 in (0.0, 1.0))
        assert float(d.log_prob(torch.tensor([[o1, math.nan, o3]])).exp()) == pytest.approx(summed, abs=1e-12)
    nothing = torch.full((1, 3), math.nan)
    assert float(d.log_prob(nothing)) == pytest.approx(0.0, abs=1e-12)
    assert float(d.posterior(nothing)) == pytest.approx(GAMMA, abs=1e-12)


def graded() -> RowActions:
    cuts, x = torch.tensor([-0.5, 1.0]), torch.tensor([0.2])
    return RowActions(
        coin(GAMMA),
        [Ordinal(x + 1.5, cuts), Dwell(x - 0.8, torch.tensor([0.6]), 1.0, 1.2)],
        [Ordinal(x, cuts), Dwell(x, torch.tensor([0.6]), 1.0, 1.2)],
    )


def test_graded_actions_are_a_mixture_of_two() -> None:
    edges = [-math.inf, -0.5, 1.0, math.inf]
    for level, seconds in itertools.product((0, 1, 2), (0.3, 2.0, 40.0)):
        expected = 0.0
        for p, location, shift in ((GAMMA, 1.7, -0.6), (1 - GAMMA, 0.2, 0.2)):
            curve = [1 / (1 + math.exp(-(e - location))) if math.isfinite(e) else float(e > 0) for e in edges]
            time = lognorm.pdf(seconds, s=1.2 * 0.6, scale=math.exp(1.0 + 1.2 * shift))
            expected += p * (curve[level + 1] - curve[level]) * time
        found = graded().log_prob(torch.tensor([[float(level), seconds]]))
        assert float(found.exp()) == pytest.approx(float(expected), rel=1e-9)


def test_graded_actions_integrate_to_one() -> None:
    def density(log_seconds: float, level: float) -> float:
        value = torch.tensor([[level, math.exp(log_seconds)]])
        return float(graded().log_prob(value).exp()) * math.exp(log_seconds)

    total = sum(quad(density, -8, 10, args=(float(level),))[0] for level in range(3))
    assert total == pytest.approx(1.0, abs=1e-7)


def test_an_impossible_observation_leaves_other_rows_gradients_finite() -> None:
    x = torch.zeros(3, requires_grad=True)
    none, sure = torch.full((3,), -math.inf), torch.zeros(3)
    good = [LogBernoulli(F.logsigmoid(x), F.logsigmoid(-x))]
    d = RowActions(LogBernoulli(F.logsigmoid(x), F.logsigmoid(-x)), good, [LogBernoulli(none, sure)])
    density = d.log_prob(torch.tensor([[1.0], [0.0], [math.nan]]))
    first = torch.autograd.grad(density.sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x)[0]
    # log σ² = 2 log σ(x); log(1 − σ²); 0 where nothing was seen
    assert first.tolist() == pytest.approx([1.0, -2 * 0.25 * 0.5 / 0.75, 0.0])
    assert bool(torch.isfinite(second).all())


def test_draws_come_at_the_cells_rates() -> None:
    """40,000 rows: all eight cells within 5 standard errors (a correct sampler fails once in 10⁵ seeds)."""
    n = 40_000
    drawn = binary(n=n).sample().numpy()
    for o in itertools.product((0.0, 1.0), repeat=3):
        p = enumerated(o, 0.0)[0]
        assert abs(np.all(drawn == o, axis=1).mean() - p) <= 5 * math.sqrt(p * (1 - p) / n)
