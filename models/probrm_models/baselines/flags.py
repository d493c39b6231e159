"""Flags of the baselines: how the log is read, and no others."""

from probrm.config.flags import ModelFlags
from probrm.recipes.logs.flags import EXAMPLE, LOG

ABOUT = {
    "ips": "inverse propensity scoring.",
    "doubly-robust": "doubly robust, from clipped propensities and an imputation model.",
    "upu": "unbiased risk from positive and unlabelled rows (uPU).",
    "nnpu": "non-negative risk from positive and unlabelled rows (nnPU).",
    "sar-em": "EM over preference, propensity from covariates and users (SAR-EM).",
    "recrec": "EM over preference and activity on shared features (RecRec).",
    "rel-mf": "clipped inverse propensities (Rel-MF).",
    "unbiased-bpr": "unbiased pairwise ranking (UBPR).",
}
BASELINES = {name: ModelFlags(f"Baseline for logs: {about}", LOG, baseline=True, example=EXAMPLE) for name, about in ABOUT.items()}
