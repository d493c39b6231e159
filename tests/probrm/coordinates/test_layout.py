from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.autograd.functional import jacobian

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.model import RewardModel


@pytest.fixture
def layout(two_rates: Callable[..., RewardModel], rates_batch: Batch) -> Layout:
    return Layout.of(two_rates(5, local=True), rates_batch)


def test_the_exchangeable_site_stands_first_and_the_rest_in_the_models_order(layout: Layout) -> None:
    assert [site.name for site in layout.sites] == ["effects", "rate", "slopes", "effects_scale"]
    assert [site.flat for site in layout.sites] == [slice(0, 5), slice(5, 6), slice(6, 8), slice(8, 9)]
    assert (layout.exchangeable, layout.size) == (5, 9)


def test_without_an_exchangeable_site_there_is_no_leading_block(
    regression: Callable[..., RewardModel], simulated: Callable[..., Batch]
) -> None:
    layout = Layout.of(regression(3), simulated(10, 3))
    assert (layout.exchangeable, layout.size) == (0, 3)


def test_what_belongs_to_a_row_is_left_out(layout: Layout) -> None:
    assert not {"local", "rows", "y"} & {site.name for site in layout.sites}


def test_scales_are_marked(layout: Layout) -> None:
    assert layout.hyper().tolist() == [False] * 8 + [True]


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)])
def test_constrain_and_unconstrain_are_inverse(layout: Layout, lead: tuple[int, ...]) -> None:
    z = torch.randn(*lead, layout.size, dtype=torch.float64)
    values = layout.constrain(z)
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "effects": (*lead, 5),
        "rate": lead,
        "slopes": (*lead, 2),
        "effects_scale": lead,
    }
    assert ((values["rate"] > 0) & (values["rate"] < 1)).all()
    assert (values["effects_scale"] > 0).all()
    assert torch.allclose(layout.unconstrain(values), z, atol=1e-8)


def test_log_jacobians_are_autograds(layout: Layout) -> None:
    z = torch.randn(layout.size, dtype=torch.float64)
    found = layout.log_jacobians(z)
    for site in layout.sites:

        def value(part: torch.Tensor, site=site) -> torch.Tensor:
            return layout.constrain(torch.cat([z[: site.flat.start], part, z[site.flat.stop :]]))[site.name].reshape(-1)

        matrix = jacobian(value, z[site.flat])
        assert isinstance(matrix, torch.Tensor)
        assert float(found[site.name]) == pytest.approx(float(torch.linalg.slogdet(matrix)[1]), abs=1e-8)


def test_log_jacobians_of_many_draws_are_those_of_each(layout: Layout) -> None:
    z = torch.randn(4, layout.size, dtype=torch.float64)
    together = layout.log_jacobians(z)
    for i in range(4):
        for name, value in layout.log_jacobians(z[i]).items():
            assert float(together[name][i]) == pytest.approx(float(value), abs=1e-12)


def test_reading_the_layout_draws_no_random_numbers(two_rates: Callable[..., RewardModel], rates_batch: Batch) -> None:
    before = torch.get_rng_state()
    Layout.of(two_rates(5), rates_batch)
    assert torch.equal(torch.get_rng_state(), before)
