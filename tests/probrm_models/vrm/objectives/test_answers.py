from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from probrm_models.vrm.objectives.answers import REFUSAL, Answers
from tests import vrm_rows


def test_equal_answers_to_a_prompt_are_one() -> None:
    rows = vrm_rows.pairs(24)  # six prompts, three responses each
    found = Answers.of(rows, vrm_rows.texts(rows))
    number = torch.cat([rows["chosen_index"], rows["rejected_index"]])
    assert len(found.texts) == len(set(found.texts)) == len(number.unique())
    assert np.bincount(found.prompt).max() <= 3
    for i, text in enumerate(found.texts):
        side, row = str(found.side[i]), int(found.row[i])
        assert text == f"answer {int(rows[f'{side}_index'][row])}"
        assert torch.equal(found.embedding[i], rows[side][row])
        assert found.prompt[i] == rows["prompt_index"][row]


def test_what_is_counted() -> None:
    rows = vrm_rows.pairs(4, responses=2)
    ratings = [[1.0, 2.0], [3.0, np.nan]]
    texts = ["```py\n1\n```", "I'm sorry, but I can't help with that."]
    answers = Answers.of(rows, vrm_rows.texts(rows, texts, ratings, ("kind", "brief")))
    found = answers.properties()
    order = [texts.index(text) for text in answers.texts]
    assert list(found) == ["length", "code block", "refusal", "rating of kind", "rating of brief"]
    assert found["length"][order.index(0)] == pytest.approx(math.log(1 + len(texts[0])))
    assert found["code block"][order].tolist() == [1, 0]
    assert found["refusal"][order].tolist() == [0, 1]
    np.testing.assert_array_equal(found["rating of brief"][order], [2.0, np.nan])


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, that is not possible.",
        "I cannot help with that.",
        "I won't provide this.",
        "As an AI language model, I …",
        "“I’m unable to say.”",
    ],
)
def test_refusals(text: str) -> None:
    assert REFUSAL.match(text)


@pytest.mark.parametrize(
    "text", ["I can help with that.", "The answer is 4. I cannot help more.", "I can't believe it!", "As a start, add salt.", ""]
)
def test_other_openings(text: str) -> None:
    assert not REFUSAL.match(text)
