"""Published forms are distinguished by their columns, and read as their cards say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import PairSpec, holds_pairs, read_pairs
from probrm.errors import DataError

N = 30


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], str]:
    def save(columns: dict[str, Any]) -> str:
        path = tmp_path / "pairs.parquet"
        pd.DataFrame(columns).to_parquet(path)
        return str(path)

    return save


def binarized() -> dict[str, Any]:
    """The columns of HuggingFaceH4/ultrafeedback_binarized."""
    prompts = [f"Explain {i}." for i in range(N)]

    def said(side: str) -> list[list[dict[str, str]]]:
        return [[{"content": p, "role": "user"}, {"content": f"{side} {i}", "role": "assistant"}] for i, p in enumerate(prompts)]

    return {
        "prompt": prompts,
        "prompt_id": [f"hash{i}" for i in range(N)],
        "chosen": said("good"),
        "rejected": said("bad"),
        "messages": said("good"),
        "score_chosen": [8.5] * N,
        "score_rejected": [8.5 if i < 2 else 3.0 for i in range(N)],
    }


def safe_rlhf() -> dict[str, Any]:
    """Columns of PKU-Alignment/PKU-SafeRLHF."""
    return {
        "prompt": [f"How do I {i}?" for i in range(N)],
        "response_0": [f"zero {i}" for i in range(N)],
        "response_1": [f"one {i}" for i in range(N)],
        "is_response_0_safe": [i % 3 == 0 for i in range(N)],
        "is_response_1_safe": [i % 3 == 1 for i in range(N)],
        "better_response_id": [i % 2 for i in range(N)],
        "safer_response_id": [int(i % 3 == 1) for i in range(N)],
    }


def test_ultrafeedback_binarized(write: Callable[..., str]):
    pairs = read_pairs(write(binarized()))
    assert pairs.notes[0] == "read as ultrafeedback-binarized: prompt, chosen, rejected, score_chosen, score_rejected"
    assert pairs.rows.tolist() == list(range(2, N))
    assert pairs.chosen[0].prompt_text == "Explain 2."
    assert (pairs.chosen[0].response, pairs.rejected[0].response) == ("good 2", "bad 2")
    assert pairs.margin is not None
    assert (pairs.margin == 5.5).all()
    assert pairs.attributes == ()


def test_safe_rlhf(write: Callable[..., str]):
    columns = safe_rlhf()
    pairs = read_pairs(write(columns))
    assert pairs.notes[0] == "read as safe-rlhf: prompt, response_0, response_1, better_response_id"
    assert [c.response for c in pairs.chosen] == [f"one {i}" if i % 2 else f"zero {i}" for i in range(N)]
    assert [r.response for r in pairs.rejected] == [f"zero {i}" if i % 2 else f"one {i}" for i in range(N)]
    assert pairs.attributes == ("safe",)
    safe = np.array([columns["is_response_0_safe"], columns["is_response_1_safe"]], dtype=float)
    better = np.array(columns["better_response_id"])
    assert pairs.chosen_scores is not None
    assert pairs.rejected_scores is not None
    assert pairs.chosen_scores[:, 0].tolist() == safe[better, np.arange(N)].tolist()
    assert pairs.rejected_scores[:, 0].tolist() == safe[1 - better, np.arange(N)].tolist()


def test_safe_rlhf_by_the_safer_response(write: Callable[..., str]):
    pairs = read_pairs(write(safe_rlhf()), PairSpec(columns={"choice": "safer_response_id"}))
    assert [c.response for c in pairs.chosen] == [f"one {i}" if i % 3 == 1 else f"zero {i}" for i in range(N)]


def test_safe_rlhf_keeps_attributes_beside_their_rows_when_rows_are_dropped(write: Callable[..., str]):
    columns = safe_rlhf()
    columns["response_0"][4] = ""
    pairs = read_pairs(write(columns))
    assert pairs.rows.tolist() == [i for i in range(N) if i != 4]
    assert pairs.chosen_scores is not None
    expected = [columns[f"is_response_{i % 2}_safe"][i] for i in pairs.rows]
    assert pairs.chosen_scores[:, 0].tolist() == expected


def test_safe_rlhf_without_verdicts_on_safety(write: Callable[..., str]):
    columns = {name: values for name, values in safe_rlhf().items() if name != "is_response_1_safe"}
    pairs = read_pairs(write(columns))
    assert pairs.attributes == ()
    assert "ignored, because the other side has no such column: is_response_0_safe" in pairs.notes


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["prompt", "chosen", "rejected"], True),
        (["chosen", "rejected", "x"], True),
        (list(binarized()), True),
        (list(safe_rlhf()), True),
        (["instruction", "completions"], True),
        (["prompt", "response", "helpfulness"], False),
        (["prompt", "response", "action"], False),
        (["prompt", "chosen"], False),
    ],
)
def test_holds_pairs(names: list[str], expected: bool):
    assert holds_pairs(names) is expected


@pytest.mark.parametrize("preset", ["helpsteer", "ultrafeedback", "safe-rlhf"])
def test_a_preset_that_does_not_match(write: Callable[..., str], preset: str):
    with pytest.raises(DataError) as caught:
        read_pairs(write(binarized()), PairSpec(preset=preset))
    assert f"not the form that --preset {preset} reads, which has" in caught.value.what
    assert "found: prompt, prompt_id, chosen" in caught.value.what
    assert "=NAME" in caught.value.fix


def test_a_preset_with_renamed_columns(write: Callable[..., str]):
    columns = {{"prompt": "q", "better_response_id": "best"}.get(name, name): values for name, values in safe_rlhf().items()}
    pairs = read_pairs(write(columns), PairSpec(preset="safe-rlhf", columns={"prompt": "q", "choice": "best"}))
    assert pairs.chosen[1].response == "one 1"
