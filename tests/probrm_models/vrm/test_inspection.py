"""What a prompt weighs, and what each objective contributes to one pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from probrm.data import Batch
from probrm_models.vrm.inspection import contributions, objective_weights
from tests import vrm_rows

DRAWS = {"residual": torch.ones(10)}


def test_weights_of_a_prompt_with_their_intervals() -> None:
    """Beta(3, 6) for each of the first prompt's: mean 1/3, quantiles as scipy has them, of 1,000 draws."""
    model = vrm_rows.model(3, weights={"concentration": 3.0})
    prompt = torch.zeros(4, 3)
    found = objective_weights(model, DRAWS, Batch({"prompt": prompt}, 4), seed=1)
    assert list(found) == [f"weight_{name}{suffix}" for name in "abc" for suffix in ("", "_low", "_high")]
    for name in "abc":
        assert found[f"weight_{name}"] == pytest.approx(1 / 3, abs=0.03)
        assert found[f"weight_{name}_low"] == pytest.approx(stats.beta(3, 6).ppf(0.05), abs=0.04)
        assert found[f"weight_{name}_high"] == pytest.approx(stats.beta(3, 6).ppf(0.95), abs=0.06)
    np.testing.assert_allclose(sum(found[f"weight_{name}"] for name in "abc"), 1, atol=1e-5)
    again = objective_weights(model, DRAWS, Batch({"prompt": prompt}, 4), seed=1)
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_each_row_has_its_own_prompts() -> None:
    model = vrm_rows.model(2)
    with torch.no_grad():
        model.weights.network.layers[0].weight.copy_(torch.tensor([[5.0, 0, 0], [-5.0, 0, 0]]))  # type: ignore[operator, union-attr]
    prompt = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [1.0, 0, 0]])
    found = objective_weights(model, DRAWS, Batch({"prompt": prompt}, 3))
    assert found["weight_a"][0] > 0.8 > 0.2 > found["weight_a"][1]
    assert found["weight_a"][0] == found["weight_a"][2]


def test_many_prompts_and_objectives() -> None:
    """More numbers than torch.quantile takes at a time."""
    model = vrm_rows.model(16, weights={"family": "logistic-normal"})
    found = objective_weights(model, DRAWS, Batch({"prompt": torch.randn(1100, 3)}, 1100))
    assert found["weight_p_high"].shape == (1100,)
    assert np.isfinite(found["weight_p_high"]).all()


@pytest.mark.parametrize("form", ["embedding", "standard"])
def test_contributions_add_up_to_the_difference(form: str) -> None:
    """Of the expected rewards: within 5 standard errors."""
    model = vrm_rows.shaken(vrm_rows.model(3, **(vrm_rows.STANDARD if form == "standard" else {})), 0.3)
    columns = 4 if form == "standard" else 5
    draws = {"shared": torch.randn(columns).expand(4000, -1), "contrasts": torch.randn(2, columns).expand(4000, -1, -1)}
    draws |= {} if form == "standard" else {"residual": torch.full((4000,), 0.1)}
    pair = vrm_rows.pairs(4).slice(0, 1)
    found = contributions(model, draws, pair, seed=2)
    assert list(found) == ["weights", "contributions"]
    assert sum(entry["mean"] for entry in found["weights"].values()) == pytest.approx(1, abs=1e-4)
    assert all(entry["low"] < entry["mean"] < entry["high"] for entry in found["weights"].values())
    difference = model.difference(draws, pair)[:, 0].detach()
    total = sum(entry["mean"] for entry in found["contributions"].values())
    assert total == pytest.approx(float(difference.mean()), abs=7 * float(difference.std()) / 4000**0.5)


def test_a_network_decoder_has_weights_alone() -> None:
    model = vrm_rows.model(3, **vrm_rows.MLP)
    found = contributions(model, {"decoder": torch.randn(10, 6)}, vrm_rows.pairs(4).slice(0, 1))
    assert list(found) == ["weights"]
