"""Distributions whose numbers are filled in are torch's own."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import pytest
import torch

from probrm.priors import filling

SCALE = torch.tensor(0.7, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (filling.normal(0.5, 2.0), dist.Normal(0.5, 2.0)),
        (filling.normal(0.1, SCALE), dist.Normal(0.1, SCALE)),
        (filling.laplace(0.1, SCALE), dist.Laplace(0.1, SCALE)),
        (filling.half_normal(4.0), dist.HalfNormal(4.0)),
        (filling.half_normal(SCALE), dist.HalfNormal(SCALE)),
        (filling.half_cauchy(0.1), dist.HalfCauchy(0.1)),
        (filling.beta(2.0, 3.0), dist.Beta(2.0, 3.0)),
    ],
    ids=lambda d: type(d).__name__,
)
def test_they_are_the_same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    wide, expected = (d.expand((3,)).to_event(1) for d in (ours, theirs))
    torch.manual_seed(0)
    value = wide.sample()
    torch.manual_seed(0)
    assert torch.equal(value, expected.sample())
    assert torch.equal(wide.log_prob(value), expected.log_prob(value))
    assert wide.log_prob(value).dtype == expected.log_prob(value).dtype


def test_a_distribution_of_the_users_own_is_moved_whole() -> None:
    unchecked: Any = {"validate_args": False}  # a check looks at values, and this device has none
    made = [
        torch.distributions.LogNormal(0.0, 1.0, **unchecked),
        torch.distributions.StudentT(3.0, **unchecked),
        torch.distributions.Beta(2.0, 2.0, **unchecked),
    ]
    with torch.device("meta"):
        for distribution in made:
            moved = filling.on_default_device(distribution).expand((2,))
            value = torch.full((2,), 0.5)
            assert moved.log_prob(value).device.type == "meta"
    assert filling.on_default_device(made[0]) is made[0]
