"""Inference: SVI, Laplace and NUTS behind one call."""

from probrm.inference.fit import Fitted, fit
from probrm.inference.laplace.newton import LaplaceStart, newton_laplace
from probrm.inference.laplace.potential import Potential
from probrm.inference.settings import INFERENCES, NUTS, SVI, FitOptions, InferenceConfig, Laplace, inference_config
from probrm.inference.svi.heldout import held_out_score, pointwise_log_predictive
from probrm.inference.svi.train import History

__all__ = [
    "INFERENCES",
    "NUTS",
    "SVI",
    "FitOptions",
    "Fitted",
    "History",
    "InferenceConfig",
    "Laplace",
    "LaplaceStart",
    "Potential",
    "fit",
    "held_out_score",
    "inference_config",
    "newton_laplace",
    "pointwise_log_predictive",
]
