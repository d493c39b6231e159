"""How a latent preference and a latent activity become a logged action."""

from probrm.actions.bernoulli import LogBernoulli
from probrm.actions.click import Click

__all__ = ["Click", "LogBernoulli"]
