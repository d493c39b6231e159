"""Whether a model's link makes sense of pairs that are stored with the chosen response first."""

from __future__ import annotations

import torch
from pyro import poutine

from probrm.errors import ConfigError
from probrm.inference.device import own_random_stream
from probrm.recipes.pairs.model import PairModel


@torch.no_grad()
def check_link(model: PairModel) -> None:
    """Draws the globals once and looks at the probabilities of a few differences.

    Raises:
        ConfigError: exchanging both responses changes the probability of who wins, or there are ties and the model has none.
    """
    with own_random_stream(0), poutine.block():
        values = model.globals()
    difference = torch.linspace(-3.0, 3.0, 7)
    won = model.preference_dist(difference, values).log_prob(torch.ones(7))
    lost = model.preference_dist(-difference, values).log_prob(torch.zeros(7))
    if not torch.allclose(won.exp(), lost.exp(), atol=1e-4):
        raise ConfigError(
            f"model {model.kind!r}: P(first wins | d) is {won.exp()[4]:.3f} at d = 1, and P(second wins | −d) is {lost.exp()[4]:.3f}; they have to "
            "be equal: files have the chosen response first, and a model would learn that",
            fix="write preference_dist so that exchanging the responses exchanges the probabilities",
        )
    if not model.shape.ties:
        return
    try:
        tie = model.preference_dist(difference, values).log_prob(torch.full((7,), 0.5)).exp()
    except ValueError:  # outside the distribution's support
        tie = torch.zeros(7)
    if not bool((tie > 0).all()) or float((won.exp() + lost.flip(0).exp() + tie).max()) > 1 + 1e-4:
        raise ConfigError(f"data.ties: 'davidson', and the model {model.kind!r} knows no ties; allowed: drop", fix="use --ties drop")
