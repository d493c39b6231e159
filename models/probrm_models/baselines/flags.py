"""Flags of the baselines: how the log is read, and no others."""

from probrm.config.flags import ModelFlags
from probrm.recipes.logs.flags import LOG

ABOUT = {
    "ips": "inverse propensity scoring.",
    "doubly-robust": "clipped inverse propensities and an imputation model.",
    "upu": "unbiased learning from positive and unlabelled rows.",
    "nnpu": "the same with a non-negative risk.",
    "sar-em": "EM over preference; covariates and users tell the propensity.",
    "recrec": "EM over preference and activity on shared features.",
    "rel-mf": "Rel-MF's clipped inverse propensities.",
    "unbiased-bpr": "unbiased pairwise ranking.",
}
BASELINES = {name: ModelFlags(f"Baseline on logged actions: {about}", LOG, baseline=True) for name, about in ABOUT.items()}
