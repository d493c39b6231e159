"""Figures of a fitted run that know no model: arrays in, a Matplotlib figure out. Nothing global changes, no file is written."""

from probrm.figures.calibration import calibration, reliability
from probrm.figures.chains import rank_plot, traces
from probrm.figures.density import densities, prior_densities
from probrm.figures.entries import Entries, single_quantities
from probrm.figures.forest import caterpillar, forest
from probrm.figures.grouping import Grouping, by_level, by_member, by_quantile
from probrm.figures.joint import joint, most_correlated
from probrm.figures.layers import layer_choice
from probrm.figures.predictive import predictive_check, replicated_means
from probrm.figures.ratios import importance_ratios
from probrm.figures.style import save_png
from probrm.figures.training import training

__all__ = [
    "Entries",
    "Grouping",
    "by_level",
    "by_member",
    "by_quantile",
    "calibration",
    "caterpillar",
    "densities",
    "forest",
    "importance_ratios",
    "joint",
    "layer_choice",
    "most_correlated",
    "predictive_check",
    "prior_densities",
    "rank_plot",
    "reliability",
    "replicated_means",
    "save_png",
    "single_quantities",
    "traces",
    "training",
]
