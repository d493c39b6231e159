from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError

from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides import GUIDES, Guide, Layout, Whitening, build_guide, guide_config
from probrm.guides.families import DiagonalNormal, FullRankNormal, LowRankNormal, Point
from probrm.guides.registry import Amortised, LowRank
from probrm.model import RewardModel


def test_the_shipped_names() -> None:
    assert list(GUIDES) == ["auto-normal", "low-rank", "full-rank", "delta", "amortised"]
    assert all(guide_config(name).name == name for name in GUIDES)


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="unknown guide 'autonormal'") as caught:
        guide_config("autonormal")
    assert all(name in str(caught.value) for name in GUIDES)


@pytest.mark.parametrize("bad", [{"rank": 0}, {"rank": -1}, {"rnak": 3}, {"name": "full-rank"}], ids=repr)
def test_a_setting_that_a_guide_does_not_have_is_an_error(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LowRank(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ("auto-normal", DiagonalNormal),
        ("low-rank", LowRankNormal),
        (LowRank(rank=2), LowRankNormal),
        ("full-rank", FullRankNormal),
        ("delta", Point),
    ],
    ids=str,
)
def test_a_name_or_a_configuration_builds_its_family(
    config: object, family: type, two_rates: Callable[..., RewardModel], rates_batch: Batch
) -> None:
    model = two_rates(5)
    layout = Layout.of(model, rates_batch)
    guide = build_guide(config, model, layout, Whitening.diagonal(torch.zeros(9), torch.ones(9), 5))  # type: ignore[arg-type]
    assert isinstance(guide.family, family)  # type: ignore[union-attr]
    assert isinstance(guide, Guide)
    if config == LowRank(rank=2):
        assert guide.family.factor.shape == (9, 2)  # type: ignore[union-attr]


def test_a_callable_is_taken_as_it_is(two_rates: Callable[..., RewardModel], rates_batch: Batch) -> None:
    model = two_rates(5)
    layout, whitening = Layout.of(model, rates_batch), Whitening.diagonal(torch.zeros(9), torch.ones(9), 5)

    def own(batch: Batch) -> None: ...

    assert build_guide(own, model, layout, whitening) is own


def test_amortised_needs_a_model_with_row_latents_to_amortise(two_rates: Callable[..., RewardModel], rates_batch: Batch) -> None:
    model = two_rates(5)
    layout, whitening = Layout.of(model, rates_batch), Whitening.diagonal(torch.zeros(9), torch.ones(9), 5)
    with pytest.raises(ConfigError, match="'two-rates' has no amortised guide"):
        build_guide(Amortised(), model, layout, whitening)
