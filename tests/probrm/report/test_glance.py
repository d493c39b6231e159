from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from probrm.report.glance import _better


@pytest.mark.parametrize(
    ("ours", "rows", "answer"), [(-0.375, 592, "yes"), (-0.60, 592, "no"), (-0.428, 150, "about the same"), (-0.41, 150, "about the same")]
)
def test_a_difference_of_a_few_nats_is_none(ours: float, rows: int, answer: str) -> None:
    """Against -.419 nats a row: what counts is the sum over the held-out rows, 4 nats at least."""
    found = {"held_out_log_likelihood": ours, "naive_held_out_log_likelihood": -0.419, "held_out_rows": rows}
    run = SimpleNamespace(baseline=(SimpleNamespace(kind="naive"), {}))
    material: Any = SimpleNamespace(diagnostics=found, run=run, recipe=SimpleNamespace(unit="rows"))
    told = _better(material)
    assert told is not None
    assert told[1] == answer
    assert "against the naive model" in told[2]
