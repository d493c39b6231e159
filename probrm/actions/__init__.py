"""What is observed: how a latent preference and a latent activity become a logged action, and two rewards a comparison."""

from probrm.actions.bernoulli import LogBernoulli
from probrm.actions.click import Click
from probrm.actions.dwell import Dwell
from probrm.actions.ordinal import Ordinal, cut_points
from probrm.actions.preference import Preference

__all__ = ["Click", "Dwell", "LogBernoulli", "Ordinal", "Preference", "cut_points"]
