"""What the intervals of answers rest on: data, prior and link; and what would make them narrower, by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.diagnostics.contraction import contraction
from probrm.heads.own_part import stretch
from probrm.inference.device import own_random_stream
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.own_parts import SITE

_LEARNED = 0.1
"""The share of the variance of τ's prior that answers shown several times have to remove before it is said that τ rests on them."""
_ROWS = 2_000
"""Rows that the shares are means over."""
_Z = 1.645
"""Deviations from the middle to the end of a central 90 % interval."""
LABELS, EXPOSURES = 50, 10
"""Labels on rows drawn at random, and exposures of each answer: what the expected widths are for."""


@torch.no_grad()
def rests_on(model: ImplicitModel, draws: Mapping[str, Tensor], data: Batch, governed_by: str) -> dict[str, Any]:
    """Shares of the variance of an answer's own logit, and expected widths of the interval of its probability.

    To first order ``Var(own) = E[1 + πτ²/8] Var(f) + E[τ²]``; of ``Var(f)`` the level has what follows the base rate's logit linearly, the features
    the rest. What more data would leave is worked out from expected information:

    - ``LABELS`` labels on random rows add ``n π(1 − π)`` to the precision of the base rate's logit;
    - a log twice as long halves the features' variance, as far as they do not have their prior's;
    - ``EXPOSURES`` of each answer add ``μγ(1 − γ)² / (1 − γμ)`` each, an action's expected information on its reward, to the precision of its own part.

    Args:
        model: the fitted model.
        draws: of its posterior.
        data: the rows.
        governed_by: what decides the base rate.

    Returns:
        ``shares`` (``base_rate``, ``features``, ``own``), ``width`` now and ``expected`` after each of the three, ``ranking_contraction`` (of the
        prior's variance of the features' part, the share that the data removed), ``own_by`` (``repeats`` or ``prior``), ``base_rate_by`` and ``tau``.
    """
    rows = data.slice(0, min(len(data), _ROWS)).widened()
    reward, tau = model.reward(draws, rows).double(), model.own_spread(draws).double()
    centred = reward - reward.mean(0)
    level = torch.logit(draws["base_rate"].double())
    of_level = level - level.mean()
    by_level = (of_level @ centred / of_level.square().sum().clamp_min(1e-12)).square() * level.var()
    features = (centred.var(0) - by_level).clamp_min(0.0)
    wider, own = float(stretch(tau).square().mean()), float(tau.square().mean())
    prior = _prior_variance(model, draws, rows)

    def width(by_level: Tensor, features: Tensor, own: Tensor | float) -> float:
        sd = (wider * (by_level + features) + own).sqrt() * _Z
        middle = stretch(tau).mean() * reward.mean(0)
        return float(((middle + sd).sigmoid() - (middle - sd).sigmoid()).mean())

    rate = float(draws["base_rate"].double().mean())
    precision = 1 / float(level.var())
    labelled = precision / (precision + LABELS * rate * (1 - rate))
    gamma, mu = (part.sigmoid().double().mean(0) for part in (reward, model.propensity(draws, rows)))
    information = mu * gamma * (1 - gamma).square() / (1 - gamma * mu)
    twice = 1 / (2 / features.clamp_min(1e-9) - 1 / torch.maximum(prior, features).clamp_min(1e-9))
    whole = wider * (by_level + features) + own
    shares = {"base_rate": wider * by_level / whole, "features": wider * features / whole, "own": own / whole}
    return {
        "shares": {name: float(share.mean()) for name, share in shares.items()},
        "width": width(by_level, features, own),
        "expected": {
            "labels": width(by_level * labelled, features, own),
            "rows": width(by_level, twice, own),
            "exposures": width(by_level, features, 1 / (1 / max(own, 1e-9) + EXPOSURES * information)),
        },
        "ranking_contraction": float(contraction(float(prior.mean()) ** 0.5, float(features.mean()) ** 0.5)),
        "own_by": "repeats" if SITE in draws and _learned(model, draws) else "prior",
        "base_rate_by": governed_by,
        "tau": float(tau.mean()),
    }


def _learned(model: ImplicitModel, draws: Mapping[str, Tensor]) -> bool:
    """Whether answers shown several times have narrowed τ noticeably."""
    with own_random_stream(0), torch.no_grad():
        prior = torch.stack([model.config.priors.residual.sample(SITE) for _ in range(400)])
    return bool(contraction(float(prior.double().std()), float(draws[SITE].double().std())) > _LEARNED)


def _prior_variance(model: ImplicitModel, draws: Mapping[str, Tensor], rows: Batch) -> Float[Tensor, " n"]:
    """Of the features' part of each reward before the data, given the scale that they have: the weights' second moment times the row's length."""
    x = model.reward_trunk(rows["embedding"]).double()
    scale = draws["reward_weights_scale"] if "reward_weights_scale" in draws else draws["reward_weights"].std(-1)
    length = x.square().sum(-1)
    return scale.double().square().mean() * length


def told(found: Mapping[str, Any]) -> str:
    """In one line."""
    shares, expected = found["shares"], found["expected"]
    own = "answers shown several times" if found["own_by"] == "repeats" else "its prior, since hardly any answer is shown twice"
    ways = {
        "labels": f"{LABELS} labels on rows drawn at random",
        "rows": "a log twice as long",
        "exposures": f"showing each answer {EXPOSURES} times",
    }
    best = min(expected, key=lambda name: expected[name])
    return (
        f"a 90 % interval of an answer's probability is {found['width']:.2f} wide on average; of its variance {shares['own']:.0%} is what the "
        f"features do not show of the answer (τ = {found['tau']:.1f}, from {own}), {shares['features']:.0%} the features' weights (the data removed "
        f"{max(0.0, found['ranking_contraction']):.0%} of their prior's), {shares['base_rate']:.0%} the base rate (from {_SOURCES[found['base_rate_by']]}); "
        f"{ways[best]} would make it {expected[best]:.2f}"
    )


_SOURCES = {
    "experiment": "known propensities",
    "actions": "several actions",
    "saturation": "rows near 1",
    "labels": "labels",
    "assumption": "what was assumed",
    "prior": "its prior",
}
