"""Baselines of the literature on implicit feedback: point estimates of a linear reward on the implicit model's features."""

from probrm_models.baselines.config import BaselineConfig
from probrm_models.baselines.fit import BaselineFit, fit_baseline
from probrm_models.baselines.methods import BASELINES
from probrm_models.baselines.model import BaselineModel

__all__ = ["BASELINES", "BaselineConfig", "BaselineFit", "BaselineModel", "fit_baseline"]
