from __future__ import annotations

import numpy as np
import pytest
import torch

from probrm.data import Batch
from probrm_models.vrm.objectives.scores import has_scores, objective_scores, score_columns
from tests import vrm_rows


@pytest.mark.parametrize("form", ["embedding", "standard"])
def test_a_score_is_the_mean_of_the_decoders_under_each_draw(form: str) -> None:
    """``decode`` with all the weight on one objective and the features at their mean."""
    model = vrm_rows.shaken(vrm_rows.model(3, **(vrm_rows.STANDARD if form == "standard" else {})), 0.3)
    draws, h = vrm_rows.draws(model, 20), torch.randn(7, vrm_rows.EMBEDDING)
    found = objective_scores(model, draws, h)
    for k in range(3):
        weights = torch.eye(3)[k].expand(7, -1)
        features = torch.zeros(7, 3) if model.features is None else model.features(h).mean
        each = [model.decoder({name: value[s] for name, value in draws.items()})(weights, features, h) for s in range(20)]
        np.testing.assert_allclose(found[:, k], torch.stack(each).mean(0).detach(), atol=1e-5)


def test_columns_of_single_responses_and_of_pairs() -> None:
    model, rows = vrm_rows.model(2), vrm_rows.pairs(8)
    draws = vrm_rows.draws(model)
    pairs = score_columns(model, draws, rows)
    assert list(pairs) == ["score_a_chosen", "score_a_rejected", "score_b_chosen", "score_b_rejected"]
    single = score_columns(model, draws, Batch({"prompt": rows["prompt"], "response": rows["rejected"]}, 8))
    assert list(single) == ["score_a", "score_b"]
    np.testing.assert_array_equal(single["score_b"], pairs["score_b_rejected"])


def test_one_objective_and_a_network_have_no_columns() -> None:
    rows = vrm_rows.pairs(8)
    assert score_columns(vrm_rows.model(1), {}, rows) == score_columns(vrm_rows.model(2, **vrm_rows.MLP), {}, rows) == {}
    assert not has_scores(vrm_rows.model(1))
