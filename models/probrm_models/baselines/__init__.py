"""Baselines of the literature on implicit feedback: point estimates of a linear reward on the implicit model's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm_models.baselines.config import BaselineConfig
    from probrm_models.baselines.fit import fit_baseline
    from probrm_models.baselines.methods import BASELINES
    from probrm_models.baselines.model import BaselineModel

__all__ = ["BASELINES", "BaselineConfig", "BaselineModel", "fit_baseline"]

__getattr__ = lazy(__name__, config="BaselineConfig", fit="fit_baseline", methods="BASELINES", model="BaselineModel")
