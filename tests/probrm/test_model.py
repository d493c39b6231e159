"""What every model inherits."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.model import BradleyTerryModel
from probrm_models.implicit.model import ImplicitModel

DRAWS = 4000


def implicit_batch() -> Batch:
    columns = {
        "embedding": torch.tensor([[0.0], [1.0], [-2.0]]),
        "reward_covariates": torch.zeros(3, 0),
        "propensity_covariates": torch.zeros(3, 0),
        "user": torch.zeros(3, dtype=torch.long),
        "action": torch.tensor([1.0, 0.0, 0.0]),
        "label": torch.full((3,), float("nan")),
        "weight": torch.ones(3),
    }
    return Batch(columns, 3)


def test_replicates_have_the_likelihoods_probabilities() -> None:
    """``γμ`` in 4,000 draws of three rows, within 5 standard errors; what was observed in the rows does not matter."""
    batch, model = implicit_batch(), ImplicitModel(LogShape(1))
    values = {"base_rate": torch.tensor(0.3), "reward_weights": torch.tensor([1.5]), "propensity_intercept": torch.tensor(0.4)}
    many = {name: value.expand(DRAWS, *value.shape) for name, value in values.items()}
    expected = model.reward(values, batch).sigmoid() * torch.sigmoid(torch.tensor(0.4))
    drawn = model.replicate(many, batch)
    assert list(drawn) == ["action"]
    assert drawn["action"].shape == (DRAWS, 3)
    assert set(drawn["action"].unique().tolist()) == {0.0, 1.0}
    error = (expected * (1 - expected) / DRAWS).sqrt()
    assert bool(((drawn["action"].mean(0) - expected).abs() < 5 * error).all())
    assert not bool(((drawn["action"].mean(0) - 1.2 * expected).abs() < 5 * error).all())


@pytest.mark.parametrize("ties", [False, True])
def test_replicates_of_pairs_know_ties_where_the_model_does(ties: bool) -> None:
    """Davidson's three probabilities."""
    model = BradleyTerryModel(PairShape(1, ties))
    batch = Batch({"chosen": torch.tensor([[0.8]]), "rejected": torch.zeros(1, 1), "outcome": torch.ones(1), "weight": torch.ones(1)}, 1)
    many = {"reward_weights": torch.ones(DRAWS, 1)} | ({"log_tie": torch.zeros(DRAWS)} if ties else {})
    drawn = model.replicate(many, batch)["outcome"][:, 0]
    weights = {1.0: torch.tensor(0.4).exp(), 0.0: torch.tensor(-0.4).exp()} | ({0.5: torch.tensor(1.0)} if ties else {})
    difference = float(model.difference({"reward_weights": torch.ones(1)}, batch)[0])
    assert difference == pytest.approx(0.8)
    total = float(sum(weights.values()))
    for outcome, weight in weights.items():
        p = float(weight) / total
        assert float((drawn == outcome).float().mean()) == pytest.approx(p, abs=5 * (p * (1 - p) / DRAWS) ** 0.5)
    assert set(drawn.unique().tolist()) == set(model.support())


def test_axes_are_named_as_far_as_the_model_says() -> None:
    model = BradleyTerryModel(PairShape(2))
    assert model.axes("reward_weights", (2,)) == {"reward_feature": ["h0", "h1"]}
    assert model.axes("reward_weights_local", (2,)) == {"reward_feature": ["h0", "h1"]}  # a Horseshoe's
    assert model.axes("reward_weights", (3,)) == {"reward_feature": ["0", "1", "2"]}
    assert model.axes("another", (1, 2)) == {"another_dim_0": ["0"], "another_dim_1": ["0", "1"]}
    assert model.axes("log_tie", ()) == {}


def test_a_subclass_with_another_process_does_not_inherit_the_linear_form() -> None:
    class Renamed(BradleyTerryModel):
        kind = "renamed"

    class Halved(BradleyTerryModel):
        def difference(self, values: Any, batch: Any) -> Any:
            return super().difference(values, batch) / 2

    rows = Batch({"chosen": torch.ones(1, 2), "rejected": torch.zeros(1, 2), "outcome": torch.ones(1), "weight": torch.ones(1)}, 1)
    assert Renamed(PairShape(2)).linear_form(rows) is not None
    assert Halved(PairShape(2)).linear_form(rows) is None
