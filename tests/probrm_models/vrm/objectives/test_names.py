from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from probrm_models.vrm.objectives.names import FEWEST, check_names, name_notes
from probrm_models.vrm.supervision import targets
from tests import vrm_rows


def rated(n: int = 160, *, noise: float = 0.3, responses: int = 3) -> tuple[Any, dict[str, torch.Tensor], Any, Any]:
    """Objective a scores an answer's first number, b its second; ratings of a follow it, those of b have nothing to do with it."""
    model, rows = vrm_rows.model(2, attributes=2), vrm_rows.pairs(n, responses=responses)
    random = np.random.default_rng(0)
    ratings = random.normal(size=(int(max(rows["chosen_index"].max(), rows["rejected_index"].max())) + 1, 2))
    for side in ("chosen", "rejected"):
        place = rows[f"{side}_index"].numpy()
        ratings[place, 0] = rows[side][:, 0].numpy() + noise * np.random.default_rng(place).normal(size=len(place))
    wanted = torch.eye(2, vrm_rows.EMBEDDING)
    draws = {
        "shared": wanted.mean(0).expand(4, -1),
        "contrasts": (model.rotation.T @ (wanted - wanted.mean(0))).expand(4, -1, -1),
        "residual": torch.ones(4),
    }
    pairs = vrm_rows.texts(rows, ratings=ratings, attributes=("a", "b"))
    return model, draws, vrm_rows.with_columns(rows, scores=torch.from_numpy(np.asarray(pairs.chosen_scores))), pairs


def test_a_name_that_holds_and_one_that_does_not() -> None:
    model, draws, rows, pairs = rated()
    found = check_names(model, draws, rows, pairs)
    assert found["a"]["reliable"] is True
    assert found["a"]["score"]["low"] > 0.8
    assert found["b"]["reliable"] is False
    assert found["b"]["score"]["low"] < 0 < found["b"]["score"]["high"]
    assert found["a"]["prompts"] == 40
    assert found["a"]["weight"] is None  # the network is flat before training: nothing varies
    [note] = name_notes(found)
    assert note.startswith("objective 'b': on 40 held-out prompts its scores follow the ratings of b with correlation ")
    assert note.endswith("below 0.2: do not rely on this name")


def test_a_score_that_follows_another_attribute_more_closely() -> None:
    """Ratings of b are those of a with noise: objective a is named well, and b, whose score is a's, only partly."""
    model, draws, rows, pairs = rated(noise=0.1)
    for scores in (pairs.chosen_scores, pairs.rejected_scores):
        assert scores is not None
        scores[:, 1] += 2.0 * scores[:, 0]
        scores[:, 1] -= scores[:, 1].mean()
    both = torch.eye(2, vrm_rows.EMBEDDING)[:1].expand(2, -1)  # the two objectives are one
    draws |= {"shared": both.mean(0).expand(4, -1), "contrasts": torch.zeros(4, 1, vrm_rows.EMBEDDING)}
    found = check_names(model, draws, rows, pairs)
    assert (found["a"]["reliable"], found["a"]["closer"]) == (True, None)
    assert (found["b"]["reliable"], found["b"]["closer"]["name"]) == (True, "a")
    [note] = name_notes(found)
    assert note.startswith("objective 'b': on held-out prompts its scores follow the ratings of a (")
    assert note.endswith("its name says only a part of what it is")


def test_weights_that_follow_their_target() -> None:
    model, draws, rows, pairs = rated()
    x = rows["prompt"].clone()
    x[:, 0] = targets(rows["scores"])[:, 0]
    with torch.no_grad():
        model.weights.network.layers[0].weight.copy_(torch.tensor([[0.3, 0, 0], [-0.3, 0, 0]]))
    found = check_names(model, draws, vrm_rows.with_columns(rows, prompt=x), pairs)
    assert found["a"]["weight"]["low"] > 0.9 < found["b"]["weight"]["low"]


def test_too_few_prompts_have_a_sentence_and_no_number() -> None:
    model, draws, rows, pairs = rated(4 * (FEWEST - 1))
    found = check_names(model, draws, rows, pairs)
    assert found["a"] == {"prompts": 9, "score": None, "weight": None, "reliable": None, "closer": None}
    assert name_notes(found) == [
        "names of objectives not checked: 10 held-out prompts with differing ratings are needed; found: a (9), b (9)"
    ]
    assert name_notes(found, unchecked=False) == []


def test_prompts_count_where_ratings_differ() -> None:
    model, draws, rows, pairs = rated()
    assert pairs.chosen_scores is not None
    pairs.chosen_scores[:, 1] = 3.0
    assert pairs.rejected_scores is not None
    pairs.rejected_scores[:, 1] = np.nan
    found = check_names(model, draws, rows, pairs)
    assert (found["b"]["prompts"], found["b"]["reliable"]) == (0, None)
    assert found["a"]["reliable"] is True


@pytest.mark.parametrize("value", [0.19, 0.2])
def test_the_border(value: float) -> None:
    score = {"value": value, "low": 0.1, "high": 0.3}
    found = {"a": {"prompts": 20, "score": score, "weight": None, "reliable": value >= 0.2, "closer": None}}
    assert bool(name_notes(found)) == (value < 0.2)
