"""What a posterior says: rewards with intervals, tables of its variables, ArviZ."""

from probrm.posterior.arviz import netcdf_bytes, read_draws, to_arviz
from probrm.posterior.rewards import LEVEL, Rewards, predict_rewards
from probrm.posterior.summary import Variable, summarise

__all__ = ["LEVEL", "Rewards", "Variable", "netcdf_bytes", "predict_rewards", "read_draws", "summarise", "to_arviz"]
