"""What a posterior says: rewards with intervals, tables of its variables, ArviZ."""

from probrm.posterior.arviz import netcdf_bytes, to_arviz
from probrm.posterior.groups import posterior_groups
from probrm.posterior.rewards import LEVEL, Rewards, predict_rewards
from probrm.posterior.row_groups import FittedRowsLike, pointwise_log_likelihood
from probrm.posterior.stored import StoredPosterior, read_posterior
from probrm.posterior.summary import Variable, summarise

__all__ = [
    "LEVEL",
    "FittedRowsLike",
    "Rewards",
    "StoredPosterior",
    "Variable",
    "netcdf_bytes",
    "pointwise_log_likelihood",
    "posterior_groups",
    "predict_rewards",
    "read_posterior",
    "summarise",
    "to_arviz",
]
