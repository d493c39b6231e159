"""Sites that are the scale of another one are marked, whatever their prior: a joint mode over both does not exist."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
from pyro import poutine
from torch import Tensor

from probrm.priors import Beta, Gamma, HalfCauchy, HalfNormal, Horseshoe, Laplace, LogNormal, Normal, StudentT


class OwnScale:
    """A prior of the user's own, for a scale."""

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        return pyro.sample(name, dist.InverseGamma(3.0, 1.0).expand(shape).to_event(len(shape)))


def marked(prior: Any) -> dict[str, bool]:
    trace = poutine.trace(prior.sample).get_trace("w", (3,))
    return {name: bool(trace.nodes[name]["infer"].get("hyper")) for name in trace.stochastic_nodes}


@pytest.mark.parametrize(
    "scale",
    [HalfNormal(), HalfCauchy(), Gamma(), LogNormal(), dist.HalfNormal(1.0), OwnScale()],
    ids=lambda scale: type(scale).__qualname__,
)
@pytest.mark.parametrize("make", [Normal, StudentT, Laplace])
def test_the_scale_is_marked_and_the_weights_are_not(make: Any, scale: Any) -> None:
    assert marked(make(scale=scale)) == {"w_scale": True, "w": False}


def test_both_scales_of_the_horseshoe_are_marked() -> None:
    assert marked(Horseshoe()) == {"w_global": True, "w_local": True, "w": False}


def test_a_rate_is_no_scale() -> None:
    assert marked(Beta()) == {"w": False}
