"""Where the weights' network and the contrasts begin: in the direction in which prompts and responses interact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm_models.vrm.config import SupervisionConfig, VRMConfig, VRMShape, WeightsConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.supervision import targets
from probrm_models.vrm.warm_start.interaction import SIZE, interact

N = 4000


def rows(seed: int = 0) -> tuple[Batch, Tensor, Tensor]:
    """Pairs whose outcome depends on ``x_2 · Δh_1`` alone; the differences, and the surprise at a coin's forecast."""
    generator = torch.Generator().manual_seed(seed)
    x, difference = (torch.randn(N, d, generator=generator) for d in (5, 6))
    outcome = torch.bernoulli(torch.sigmoid(2 * x[:, 2] * difference[:, 1]), generator=generator)
    scores = torch.stack([x[:, 2], -x[:, 2]], 1) + torch.randn(N, 2, generator=generator)
    return Batch({"prompt": x, "scores": scores}, N), difference, outcome - 0.5


def model(objectives: int = 2, **settings: object) -> VRMModel:
    names = tuple("abcdefgh"[:objectives])
    return VRMModel(VRMShape(6, 5, names, min(objectives, 2)), VRMConfig(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("supervised", [False, True], ids=["by the outcomes", "by the scores"])
def test_the_planted_interaction_is_found(family: str, supervised: bool) -> None:
    """4,000 pairs: cosines above .95, where chance gives .4 with six columns."""
    made = model(weights=WeightsConfig(family=family), supervision=SupervisionConfig(weight=float(supervised)))  # type: ignore[arg-type]
    batch, difference, surprise = rows()
    contrasts = interact(made, batch, difference, surprise)
    assert contrasts is not None
    assert abs(contrasts[0, 1]) / contrasts[0].norm() > 0.95
    assert float((difference @ contrasts[0]).std()) == pytest.approx(SIZE, rel=1e-4)
    with torch.no_grad():
        apart = made.weights.mean(batch["prompt"])[:, 0] - 0.5
    assert abs(torch.corrcoef(torch.stack([apart, batch["prompt"][:, 2]]))[0, 1]) > 0.9
    # The objective that the prompt prefers is the one whose scores speak for the chosen response.
    scores = difference @ (made.rotation @ contrasts).T
    gain = (apart * (scores[:, 0] - scores[:, 1]) * surprise).mean()
    assert float(gain) > 0


def test_supervised_weights_begin_at_their_attribute() -> None:
    made = model(supervision=SupervisionConfig(weight=1.0))
    batch, difference, surprise = rows()
    interact(made, batch, difference, surprise)
    with torch.no_grad():
        weights = made.weights.mean(batch["prompt"])[:, 0]
    assert torch.corrcoef(torch.stack([weights, targets(batch["scores"])[:, 0]]))[0, 1] > 0.4


def test_more_objectives_than_interactions_leave_the_rest_at_zero() -> None:
    batch, difference, surprise = rows()
    contrasts = interact(model(8), batch, difference, surprise)
    assert contrasts is not None
    assert contrasts.shape == (7, 6)
    assert int((contrasts.norm(dim=1) > 0).sum()) == 5  # prompts have five columns
    assert bool(contrasts.isfinite().all())


@pytest.mark.parametrize("made", [model(1), model(weights=WeightsConfig(hidden=(4,)))], ids=["one objective", "a hidden layer"])
def test_what_has_no_direction_is_left_alone(made: VRMModel) -> None:
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert interact(made, *rows()) is None
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_missing_scores_do_not_spoil_it() -> None:
    batch, difference, surprise = rows()
    scores = batch["scores"].clone()
    scores[::2] = torch.nan
    contrasts = interact(
        model(supervision=SupervisionConfig(weight=1.0)), Batch({**batch.columns, "scores": scores}, N), difference, surprise
    )
    assert contrasts is not None
    assert bool(contrasts.isfinite().all())
