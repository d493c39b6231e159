"""Predictions held against truth: point values, clustered bootstrap intervals, paired differences from a baseline.

Names load on first use, so importing the room costs nothing until something is evaluated.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probrm.evaluation.calibration import expected_calibration_error
    from probrm.evaluation.intervals import Metric
    from probrm.evaluation.metrics import binary_metrics
    from probrm.evaluation.paired import difference, verdict
    from probrm.evaluation.pairs import pairs_as_rows
    from probrm.evaluation.report import Evaluation, evaluate
    from probrm.evaluation.sample import Predictions, Sample

__all__ = [
    "Evaluation",
    "Metric",
    "Predictions",
    "Sample",
    "binary_metrics",
    "difference",
    "evaluate",
    "expected_calibration_error",
    "pairs_as_rows",
    "verdict",
]

_HOME = {
    "Evaluation": "report",
    "Metric": "intervals",
    "Predictions": "sample",
    "Sample": "sample",
    "binary_metrics": "metrics",
    "difference": "paired",
    "evaluate": "report",
    "expected_calibration_error": "calibration",
    "pairs_as_rows": "pairs",
    "verdict": "paired",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
