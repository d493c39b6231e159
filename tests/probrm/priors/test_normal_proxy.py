"""The normal that stands in for a prior at the Newton–Laplace start, and only there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats
import torch
from pyro import poutine

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import Potential
from probrm.model import RewardModel
from probrm.priors import Laplace, Normal, NormalStandIns, StudentT

st = cast(Any, scipy.stats)
VALUES = np.array([-2.3, 0.0, 0.41])
CASES = [
    (StudentT(5.0, 0.3, 0.7), st.t(5.0, 0.3, 0.7), 0.7 * math.sqrt(5 / 3)),
    (StudentT(1.0, 0.3, 0.7), st.t(1.0, 0.3, 0.7), 1.4),  # no variance of its own
    (Laplace(0.3, 0.7), st.laplace(0.3, 0.7), 0.7 * math.sqrt(2)),
    (Normal(0.3, 0.7), st.norm(0.3, 0.7), 0.7),
]


def density(prior: Any) -> float:
    data = {"w": torch.as_tensor(VALUES)}
    return float(poutine.trace(poutine.condition(prior.sample, data=data)).get_trace("w", (3,)).log_prob_sum())


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("prior", "own", "sd"), CASES, ids=[repr(case[0]) for case in CASES])
def test_the_stand_in_is_a_normal_as_wide_as_the_prior_and_gone_afterwards(prior: Any, own: Any, sd: float) -> None:
    with NormalStandIns():
        assert density(prior) == pytest.approx(st.norm(0.3, sd).logpdf(VALUES).sum(), abs=1e-8)
    assert density(prior) == pytest.approx(own.logpdf(VALUES).sum(), abs=1e-8)


@pytest.mark.usefixtures("double")
def test_a_potential_has_it_only_on_request(regression: Callable[..., RewardModel], simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(20, 3), regression(3, prior=StudentT(5.0, 0.0, 0.7))
    layout = Layout.of(model, batch)
    z = torch.as_tensor(VALUES)
    own, normal = (Potential(model, layout, batch.to(dtype=torch.float64), normal=flag)(z) for flag in (False, True))
    expected = st.t(5.0, 0.0, 0.7).logpdf(VALUES).sum() - st.norm(0.0, 0.7 * math.sqrt(5 / 3)).logpdf(VALUES).sum()
    assert float(normal - own) == pytest.approx(expected, abs=1e-8)
