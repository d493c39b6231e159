from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import torch

from probrm.model import RewardModel
from probrm.posterior import summarise


def test_numbers_names_and_order(two_rates: Callable[..., RewardModel]) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = {
        "slopes": torch.randn(1000, 2, generator=generator),
        "effects": torch.randn(1000, 5, generator=generator),
        "rate": torch.rand(1000, generator=generator),
        "effects_scale": torch.rand(1000, generator=generator),
    }
    table = summarise(two_rates(5), draws)
    assert list(table) == ["effects", "effects_scale", "rate", "slopes"]  # by name, whatever the order of fitting or loading
    assert table["slopes"].coords == {"feature": ["a", "b"]}
    assert table["effects"].coords == {"user": ["0", "1", "2", "3", "4"]}
    assert table["rate"].coords == table["effects_scale"].coords == {}
    for name, variable in table.items():
        x = draws[name].double().numpy()
        np.testing.assert_allclose(variable.mean, x.mean(0))
        np.testing.assert_allclose(variable.sd, x.std(0, ddof=1))
        np.testing.assert_allclose([variable.low, variable.high], np.quantile(x, [0.05, 0.95], axis=0))
    as_json = json.loads(json.dumps(table["slopes"].to_dict()))
    assert as_json.keys() == {"mean", "sd", "low", "high", "coords"}
    assert len(as_json["mean"]) == 2
    assert isinstance(table["rate"].to_dict()["mean"], float)


def test_many_draws_lose_no_digits(regression: Callable[..., RewardModel]) -> None:
    """In float32 a mean near 1e6 would have a deviation of nothing."""
    draws = {"weights": 1e6 + torch.tensor([[0.0], [1.0]]).repeat(5000, 1)}
    variable = summarise(regression(1), draws)["weights"]
    np.testing.assert_allclose([variable.mean[0], variable.sd[0]], [1e6 + 0.5, 0.5], rtol=1e-4)
