from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from probrm_models.vrm.objectives.description import SHOWN, describe
from tests import vrm_rows


def planted(n: int = 160) -> tuple[Any, dict[str, torch.Tensor], Any, list[str]]:
    """Objective a is an answer's length, b the opposite, and c neither; the prompt's first number asks for a."""
    model, rows = vrm_rows.model(3), vrm_rows.pairs(n)
    count = int(torch.cat([rows["chosen_index"], rows["rejected_index"]]).max()) + 1
    length = torch.full((count,), float("nan"))
    for side in ("chosen", "rejected"):
        length[rows[f"{side}_index"]] = rows[side][:, 0]
    texts = ["x" * int(100 * np.exp(0.5 * value)) if np.isfinite(value) else "" for value in length.tolist()]
    wanted = torch.zeros(3, vrm_rows.EMBEDDING)
    wanted[:, 0] = torch.tensor([3.0, -3.0, 0.0])
    wanted[:, 1] = 1.0  # what they share
    draws = {
        "shared": wanted.mean(0).expand(4, -1),
        "contrasts": (model.rotation.T @ (wanted - wanted.mean(0))).expand(4, -1, -1),
        "residual": torch.ones(4),
    }
    with torch.no_grad():
        model.weights.network.layers[0].weight.copy_(torch.tensor([[4.0, 0, 0], [0.0, 0, 0], [0.0, 0, 0]]))  # type: ignore[operator, union-attr]
    return model, draws, rows, texts


def test_an_objective_that_is_length_is_found_to_be_length() -> None:
    model, draws, rows, texts = planted()
    found = describe(model, draws, rows, vrm_rows.texts(rows, texts))
    json.dumps(found, allow_nan=False)
    a, b, c = (found[name]["correlations"]["score"]["length"] for name in "abc")
    assert a["value"] > 0.9 < -b["value"]
    assert c["low"] < 0 < c["high"]
    assert found["a"]["correlations"]["added"]["length"]["value"] > 0.95  # what they share is out
    assert "code block" not in found["a"]["correlations"]["score"]  # none has one
    lengths = {
        f"{pair}:{side}": len(texts[int(rows[f"{side}_index"][pair])]) for pair in range(len(rows)) for side in ("chosen", "rejected")
    }
    shown = {key: [lengths[f"{entry['row'][1:]}:{entry['side']}"] for entry in found["a"][key]] for key in ("answers_high", "answers_low")}
    assert min(shown["answers_high"]) > max(shown["answers_low"])


def test_texts_in_another_order_have_nothing_to_do_with_it() -> None:
    model, draws, rows, texts = planted(400)
    found = describe(model, draws, rows, vrm_rows.texts(rows, list(np.random.default_rng(0).permutation(texts))))
    length = found["a"]["correlations"]["score"]["length"]
    assert length["low"] < 0 < length["high"]
    assert abs(length["value"]) < 0.2  # 300 answers to 100 prompts


def test_prompts_at_either_end_by_their_weights() -> None:
    model, draws, rows, texts = planted()
    table = describe(model, draws, rows, vrm_rows.texts(rows, texts))["a"]
    weights = model.weights.mean(rows["prompt"])[:, 0].detach()
    assert [len(table[key]) for key in ("prompts_most", "prompts_least")] == [SHOWN, SHOWN]
    assert table["prompts_most"][0]["weight"] == pytest.approx(float(weights.max()), abs=1e-6)
    assert table["prompts_least"][0]["weight"] == pytest.approx(float(weights.min()), abs=1e-6)
    assert all(float(weights[int(entry["row"][1:])]) == pytest.approx(entry["weight"], abs=1e-6) for entry in table["prompts_most"])
    prompts = rows["prompt_index"][[int(entry["row"][1:]) for entry in (*table["answers_high"], *table["answers_low"])]]
    assert len(prompts[:SHOWN].unique()) == len(prompts[SHOWN:].unique()) == SHOWN  # an answer a prompt


def test_what_is_added_is_the_gap_to_the_average_reward_within_the_prompt() -> None:
    """By hand: the gap between two answers of one prompt, of objective a's score less the average prompt's reward."""
    model = vrm_rows.shaken(vrm_rows.model(2), 0.5)
    rows = vrm_rows.pairs(4, responses=2)
    draws = vrm_rows.draws(model)
    table = describe(model, draws, rows, vrm_rows.texts(rows))["a"]
    v, w = model.objectives(draws).mean(0), model.weights.mean(rows["prompt"][:1])[0].detach()
    difference = (model.inputs(rows["chosen"][0]) - model.inputs(rows["rejected"][0])) @ v.T
    gap = abs(float(difference[0] - w @ difference))
    assert table["answers_high"][0]["added"] == pytest.approx(gap / 2, abs=1e-5)
    assert table["answers_low"][0]["added"] == pytest.approx(-gap / 2, abs=1e-5)


def test_one_objective_is_not_described_and_a_network_by_its_weights() -> None:
    rows = vrm_rows.pairs(24)
    assert describe(vrm_rows.model(1), {}, rows, vrm_rows.texts(rows)) == {}
    found = describe(vrm_rows.model(2, **vrm_rows.MLP), {}, rows, vrm_rows.texts(rows))
    assert set(found["b"]) == {"weight", "prompts_most", "prompts_least"}
