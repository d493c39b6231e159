"""Predictions compared with the truth: point values, clustered bootstrap intervals, paired differences from a baseline.

Names load on first use, so importing the room costs nothing until something is evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.evaluation.bound_calibration import bound_calibration_errors
    from probrm.evaluation.calibration import expected_calibration_error
    from probrm.evaluation.certainty import risk_coverage
    from probrm.evaluation.confidence import confidence_rates, ranking_score
    from probrm.evaluation.intervals import Metric
    from probrm.evaluation.loo import LeaveOneOut, difference_in_loo, leave_one_out, stacking_weights
    from probrm.evaluation.margins import Margins, PairIntervals
    from probrm.evaluation.metrics import binary_metrics
    from probrm.evaluation.pair_metrics import PairPredictions
    from probrm.evaluation.pair_report import evaluate_pairs
    from probrm.evaluation.paired import difference, verdict
    from probrm.evaluation.pairs import labelled_pairs, pairs_as_rows
    from probrm.evaluation.report import Evaluation, evaluate
    from probrm.evaluation.sample import Predictions, Sample
    from probrm.evaluation.uncertainty_report import evaluate_uncertainty

__all__ = [
    "Evaluation",
    "LeaveOneOut",
    "Margins",
    "Metric",
    "PairIntervals",
    "PairPredictions",
    "Predictions",
    "Sample",
    "binary_metrics",
    "bound_calibration_errors",
    "confidence_rates",
    "difference",
    "difference_in_loo",
    "evaluate",
    "evaluate_pairs",
    "evaluate_uncertainty",
    "expected_calibration_error",
    "labelled_pairs",
    "leave_one_out",
    "pairs_as_rows",
    "ranking_score",
    "risk_coverage",
    "stacking_weights",
    "verdict",
]

__getattr__ = lazy(
    __name__,
    bound_calibration="bound_calibration_errors",
    calibration="expected_calibration_error",
    certainty="risk_coverage",
    confidence="confidence_rates ranking_score",
    intervals="Metric",
    loo="LeaveOneOut difference_in_loo leave_one_out stacking_weights",
    margins="Margins PairIntervals",
    metrics="binary_metrics",
    pair_metrics="PairPredictions",
    pair_report="evaluate_pairs",
    paired="difference verdict",
    pairs="labelled_pairs pairs_as_rows",
    report="Evaluation evaluate",
    sample="Predictions Sample",
    uncertainty_report="evaluate_uncertainty",
)
