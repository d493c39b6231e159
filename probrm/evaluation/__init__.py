"""Predictions compared with the truth: point values, clustered bootstrap intervals, paired differences from a baseline.

Names load on first use, so importing the room costs nothing until something is evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.evaluation.calibration import expected_calibration_error
    from probrm.evaluation.certainty import risk_coverage
    from probrm.evaluation.intervals import Metric
    from probrm.evaluation.loo import LeaveOneOut, difference_in_loo, leave_one_out, stacking_weights
    from probrm.evaluation.metrics import binary_metrics
    from probrm.evaluation.pair_metrics import PairPredictions
    from probrm.evaluation.pair_report import evaluate_pairs
    from probrm.evaluation.paired import difference, verdict
    from probrm.evaluation.pairs import pairs_as_rows
    from probrm.evaluation.report import Evaluation, evaluate
    from probrm.evaluation.sample import Predictions, Sample

__all__ = [
    "Evaluation",
    "LeaveOneOut",
    "Metric",
    "PairPredictions",
    "Predictions",
    "Sample",
    "binary_metrics",
    "difference",
    "difference_in_loo",
    "evaluate",
    "evaluate_pairs",
    "expected_calibration_error",
    "leave_one_out",
    "pairs_as_rows",
    "risk_coverage",
    "stacking_weights",
    "verdict",
]

__getattr__ = lazy(
    __name__,
    calibration="expected_calibration_error",
    certainty="risk_coverage",
    intervals="Metric",
    loo="LeaveOneOut difference_in_loo leave_one_out stacking_weights",
    metrics="binary_metrics",
    pair_metrics="PairPredictions",
    pair_report="evaluate_pairs",
    paired="difference verdict",
    pairs="pairs_as_rows",
    report="Evaluation evaluate",
    sample="Predictions Sample",
)
