"""Every prior's density is the one its name promises."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyro.distributions as dist
import pytest
import scipy.stats
import torch
from pyro import poutine

from probrm.priors import Beta, Gamma, HalfCauchy, HalfNormal, Horseshoe, Laplace, LogNormal, Normal, StudentT, as_prior

st = cast(Any, scipy.stats)  # its frozen distributions have no types

REAL, POSITIVE, RATE = np.array([-2.3, 0.0, 0.41]), np.array([0.02, 0.7, 3.9]), np.array([0.03, 0.5, 0.91])
CASES = [
    (Normal(0.3, 0.7), REAL, st.norm(0.3, 0.7)),
    (StudentT(3.0, 0.3, 0.7), REAL, st.t(3.0, 0.3, 0.7)),
    (Laplace(0.3, 0.7), REAL, st.laplace(0.3, 0.7)),
    (Beta(2.0, 5.5), RATE, st.beta(2.0, 5.5)),
    (HalfNormal(0.7), POSITIVE, st.halfnorm(scale=0.7)),
    (HalfCauchy(0.7), POSITIVE, st.halfcauchy(scale=0.7)),
    (Gamma(2.5, 3.0), POSITIVE, st.gamma(2.5, scale=1 / 3.0)),
    (LogNormal(0.3, 0.7), POSITIVE, st.lognorm(0.7, scale=np.exp(0.3))),
    (as_prior(dist.Gumbel(0.3, 0.7)), REAL, st.gumbel_r(0.3, 0.7)),
]


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


def site_densities(prior: Any, values: dict[str, Any], shape: tuple[int, ...]) -> dict[str, float]:
    data = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in values.items()}
    trace = run(poutine.condition(prior.sample, data=data), "w", shape)
    trace.compute_log_prob()
    assert set(trace.nodes) - {"_INPUT", "_RETURN"} == set(values), "sites other than those expected"
    return {name: float(trace.nodes[name]["log_prob"]) for name in values}


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("prior", "values", "reference"), CASES, ids=lambda case: type(case).__name__)
def test_density_is_scipys(prior: Any, values: np.ndarray, reference: Any) -> None:
    # A plain distribution was built before this test's default dtype: its parameters are float32.
    tolerance = 1e-8 if hasattr(prior, "__pydantic_fields__") else 1e-5
    assert site_densities(prior, {"w": values}, (3,))["w"] == pytest.approx(reference.logpdf(values).sum(), abs=tolerance)
    assert site_densities(prior, {"w": values[1]}, ())["w"] == pytest.approx(reference.logpdf(values[1]), abs=tolerance)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("make", [Normal, StudentT, Laplace])
def test_a_scale_with_a_prior_is_a_site_of_its_own(make: Any) -> None:
    prior = make(scale=HalfNormal(2.0))
    values = {"w": REAL, "w_scale": 0.6}
    found = site_densities(prior, values, (3,))
    assert found["w_scale"] == pytest.approx(st.halfnorm(scale=2.0).logpdf(0.6), abs=1e-8)
    assert found["w"] == pytest.approx(site_densities(make(scale=0.6), {"w": REAL}, (3,))["w"], abs=1e-8)


@pytest.mark.usefixtures("double")
def test_horseshoe_is_a_normal_of_global_times_local_scales() -> None:
    local = np.array([0.1, 1.3, 7.0])
    found = site_densities(Horseshoe(0.4), {"w": REAL, "w_global": 0.2, "w_local": local}, (3,))
    assert found["w"] == pytest.approx(st.norm(0, 0.2 * local).logpdf(REAL).sum(), abs=1e-8)
    assert found["w_global"] == pytest.approx(st.halfcauchy(scale=0.4).logpdf(0.2), abs=1e-8)
    assert found["w_local"] == pytest.approx(st.halfcauchy().logpdf(local).sum(), abs=1e-8)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
@pytest.mark.parametrize(
    "prior", [Normal(), Normal(scale=Gamma()), StudentT(), Laplace(), Horseshoe(), Beta(), HalfNormal(), HalfCauchy(), LogNormal()]
)
def test_a_draw_has_the_shape_asked_for_as_one_event(prior: Any, shape: tuple[int, ...]) -> None:
    trace = run(prior.sample, "w", shape)
    assert trace.nodes["w"]["value"].shape == shape
    assert trace.nodes["w"]["fn"].batch_shape == ()
    assert torch.isfinite(trace.nodes["w"]["value"]).all()
