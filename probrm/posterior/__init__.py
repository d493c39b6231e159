"""What a posterior says: rewards with intervals, tables of its variables, ArviZ."""

from probrm.posterior.acquisition import Acquisition, acquire, bald, batch_information
from probrm.posterior.arviz import netcdf_bytes, to_arviz
from probrm.posterior.groups import posterior_groups
from probrm.posterior.ranking import RISKS, Ranking, Risk, own_draws, rank_answers
from probrm.posterior.rewards import LEVEL, Rewards, predict_rewards
from probrm.posterior.row_groups import FittedRowsLike, pointwise_log_likelihood
from probrm.posterior.stored import StoredPosterior, read_posterior
from probrm.posterior.summary import Variable, summarise

__all__ = [
    "LEVEL",
    "RISKS",
    "Acquisition",
    "FittedRowsLike",
    "Ranking",
    "Rewards",
    "Risk",
    "StoredPosterior",
    "Variable",
    "acquire",
    "bald",
    "batch_information",
    "netcdf_bytes",
    "own_draws",
    "pointwise_log_likelihood",
    "posterior_groups",
    "predict_rewards",
    "rank_answers",
    "read_posterior",
    "summarise",
    "to_arviz",
]
