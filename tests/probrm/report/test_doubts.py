from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from probrm.diagnostics.approximation import assess
from probrm.report.doubts import doubts
from probrm.report.identifiability import identifiability_section
from probrm.report.material import Material
from probrm.runs import Run, find_recipe
from tests.probrm.report.toy import Toy


def material(
    *, draws: int = 400, stats: dict[str, Any] | None = None, held_out: tuple[float, float] = (-0.4, -0.5), **found: Any
) -> Material:
    diagnostics = {"held_out_log_likelihood": held_out[0], "naive_held_out_log_likelihood": held_out[1], "held_out_rows": 500}
    if stats and "log_guide" in stats:
        diagnostics["approximation"] = assess(stats["log_density"], stats["log_guide"]).to_dict()
    run = Run(
        kind="implicit",
        config={"inference": {"name": "svi"}, "guide": {"name": "auto-normal"}, "seed": 0},
        model=Toy(),
        inputs=None,
        draws={"rate": torch.linspace(0.1, 0.9, draws)},
        baseline=(Toy(), {}),
        record={"data": {"source": "log.csv", "rows": 100}},
        metrics={"diagnostics": diagnostics, "identifiability": found},
        sample_stats=stats or {},
    )
    return Material(run, find_recipe("implicit"))


def told(one: Material) -> str:
    return "\n".join(doubt.text for doubt in doubts(one))


def guide(sd: float) -> dict[str, np.ndarray]:
    """Draws of N(0, sd²) as the guide of a standard normal posterior in twenty dimensions."""
    z = np.random.default_rng(0).normal(0, sd, (400, 20))
    return {"log_density": -0.5 * (z**2).sum(1), "log_guide": (-0.5 * (z / sd) ** 2 - np.log(sd)).sum(1)}


def test_a_guide_that_is_far_off_comes_first() -> None:
    found = doubts(material(stats=guide(0.4)))
    assert found[0].grave
    assert "Pareto k̂" in found[0].text
    assert "k̂" not in told(material(stats=guide(1.0)))
    assert "was not measured" in told(material())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"held_out": (-0.6, -0.5)}, "predicted worse than by the toy model"),
        ({"verdict": "ranking only", "reasons": ["it rests on the prior"]}, "ranking only. it rests on the prior"),
        ({"labels": 12}, "only 12 explicit labels"),
        (
            {"overlap": {"share": 0.05, "effective_sample_size": 5.0, "lowest": 0.01, "floor": 0.05, "share_below": 0.2}},
            "Propensities are uneven",
        ),
        ({"notes": ["users see <b>nothing</b>"]}, "Users see <b>nothing</b>"),
        ({"level": {"governed_by": "saturation", "reason": "r"}, "labels": 0}, "with 0 labels"),
        ({"draws": 1}, "point estimate"),
    ],
)
def test_each_reason_is_told_where_it_holds_and_not_elsewhere(changes: dict[str, Any], words: str) -> None:
    assert words in told(material(**changes))
    assert words not in told(material())


def test_identifiability_is_left_out_where_nothing_is_known() -> None:
    assert identifiability_section(material()) is None
    section = identifiability_section(material(verdict="identified", reasons=["a", "b"], pairs=1500))
    assert section is not None
    assert [block.kind for block in section.blocks] == ["paragraph", "paragraph", "items", "heading", "facts"]
