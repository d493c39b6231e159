from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from probrm.data import PairSpec
from probrm.report.blocks import Grid, Heading, Paragraph
from probrm_models.vrm.objectives.report import described, objectives_section


def table(weight: float = 0.5, **more: Any) -> dict[str, Any]:
    row = {"row": "r0", "weight": 0.9, "text": "a prompt that " + "goes on and on " * 20 + "in one line"}
    answer = {"row": "r0", "side": "chosen", "added": -0.001, "score": 1.0, "text": "an \x07answer"}
    one = {"value": 0.5, "low": 0.4, "high": -0.001}
    return {
        "weight": {"mean": weight, "sd": 0.1},
        "prompts_most": [row],
        "prompts_least": [dict(row, weight=0.1)],
        "answers_high": [answer],
        "answers_low": [answer],
        "correlations": {"score": {"length": one}, "added": {"length": one, "refusal": one}},
        **more,
    }


def test_one_objective_has_no_section() -> None:
    run: Any = SimpleNamespace(metrics={"diagnostics": {"objectives": {}}})
    assert described(run, PairSpec()) == {}
    assert objectives_section({}) == []


def test_the_section_in_full() -> None:
    name = {"prompts": 12, "score": {"value": 0.1, "low": -0.2, "high": 0.3}, "weight": None, "reliable": False, "closer": None}
    [section] = objectives_section({"safe": table(name=name), "objective_2": table(0.05)})
    grids = [block for block in section.blocks if isinstance(block, Grid)]
    assert grids[0].rows == [("safe", "12", ".10 [−.20, .30]", "–", "no")]
    assert grids[1].columns == ("", "safe", "objective_2")
    assert grids[1].rows == [("length", ".50 [.40, .00]", ".50 [.40, .00]")]
    assert [row[0] for row in grids[2].rows] == ["length", "refusal"]
    prompt, weight = grids[3].rows[0]
    assert prompt.startswith("a prompt that")
    assert prompt.endswith("in one line")
    assert (len(prompt) < 100, weight) == (True, "0.90")
    assert grids[4].rows[0] == ("an �answer", "−1.0e−03")
    assert [block.text for block in section.blocks if isinstance(block, Heading)] == [
        "safe: weight 0.50 ± 0.10 across prompts",
        "objective_2: weight 0.05 ± 0.10 across prompts",
    ]
    assert len(grids) == 6  # what the second favours is not shown: it is hardly used
    assert any(isinstance(block, Paragraph) and block.text.startswith("Hardly used") for block in section.blocks)


def test_many_objectives_are_shown_without_intervals() -> None:
    [section] = objectives_section({f"objective_{i}": table() for i in range(5)})
    assert section.blocks[0].rows == [("length", *[".50"] * 5)]  # type: ignore[union-attr]


def test_without_the_file_there_are_ids_and_a_sentence() -> None:
    bare = table()
    for key in ("prompts_most", "prompts_least", "answers_high", "answers_low"):
        bare[key] = [{name: value for name, value in entry.items() if name != "text"} for entry in bare[key]]
    run: Any = SimpleNamespace(
        path=None,
        metrics={"diagnostics": {"objectives": {"a": bare, "b": bare}}},
        record={"data": {"source": "gone.parquet", "sha256": "0"}},
    )
    found = described(run, PairSpec())
    [section] = objectives_section(found)
    assert any(isinstance(block, Paragraph) and block.text.startswith("The texts are missing") for block in section.blocks)
    rows = [row[0] for block in section.blocks if isinstance(block, Grid) for row in block.rows]
    assert "row r0" in rows
    assert "row r0, chosen" in rows
