"""How near a guide came to the posterior: Pareto k̂ of its importance ratios, and the draws resampled by them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from probrm.errors import DataError

Array = np.ndarray
Verdict = Literal["good", "usable", "bad"]
GOOD, RELIABLE = 0.5, 0.7
"""Below the first the ratios have a variance; above the second no number of draws makes estimates from them reliable."""
_ALIKE = 1e-3
"""Range of log ratios, in nats, below which the guide is the posterior for all that its draws can tell."""
_FEWEST = 25
"""Draws below which a tail, a fifth of them, has fewer than five."""


@dataclass(frozen=True)
class Approximation:
    """A guide q compared with the posterior p ∝ p(data, z), from draws of q.

    Attributes:
        k_hat: shape of the tail of the importance ratios r = p(data, z) / q(z) of all latents jointly; ∞ where it cannot be had.
        threshold: the largest k̂ at which as many draws are reliable, ``min(1 − 1 / log10(draws), .7)``.
        verdict: ``good`` below .5, ``usable`` up to the threshold, ``bad`` above.
        kl: estimate of KL(q ‖ p), nats; too small where the verdict is bad.
        log_evidence: estimate of log p(data) by importance sampling, nats.
        elbo: mean of log r, nats.
        elbo_error: its standard error.
        effective_draws: effective number of draws of p, ``1 / Σ w²``.
        draws: of q.
        note: what to know of these numbers; empty where there is nothing.
    """

    k_hat: float
    threshold: float
    verdict: Verdict
    kl: float
    log_evidence: float
    elbo: float
    elbo_error: float
    effective_draws: float
    draws: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def assess(log_density: Float[Tensor, " s"] | Float[Array, " s"], log_guide: Float[Tensor, " s"] | Float[Array, " s"]) -> Approximation:
    """Pareto k̂ of the joint importance ratios (Yao, Vehtari, Simpson & Gelman 2018, arXiv 1802.02538).

    The tail is fitted and the ratios are smoothed by ArviZ (Vehtari, Simpson, Gelman, Yao & Gabry, arXiv 1507.02646), whose
    threshold depends on the number of draws. ``KL(q ‖ p) = log E_q r − E_q log r``: the log evidence less the bound. A heavy tail
    hides most of the first, so both are too small where k̂ is bad. k̂ itself is an estimate: from 1,000 draws its standard error is .15,
    from 4,000 .1.

    Args:
        log_density: log p(data, z) at draws of the guide, in the coordinates in which it has ``log_guide``.
        log_guide: log q(z) there, normalised.

    Raises:
        DataError: no draws, or not as many of the one as of the other.
    """
    ratios = _log_ratios(log_density, log_guide)
    count, broken = len(ratios), int((np.isnan(ratios) | (ratios == np.inf)).sum())
    threshold = _threshold(count)
    if broken or not np.isfinite(ratios).any():
        note = f"the densities of {broken or count} of {count} draws are no numbers"
        return Approximation(math.inf, threshold, "bad", math.nan, math.nan, math.nan, math.nan, 0.0, count, note)
    smoothed, k_hat = smooth(ratios)
    top = smoothed.max()
    evidence = float(top + np.log(np.exp(smoothed - top).mean()))
    elbo, spread = float(ratios.mean()), float(ratios.std(ddof=min(1, count - 1))) if np.isfinite(ratios).all() else math.nan
    verdict: Verdict = "bad" if k_hat > threshold else "usable" if k_hat >= GOOD else "good"
    note = ""
    if math.isinf(k_hat):
        note = f"{count} draws are too few to see the tail of the ratios"
    elif verdict == "bad":
        note = "the tail of the ratios hides part of it: KL and log evidence are too small"
    w = np.exp(smoothed - top)
    effective = float(w.sum() ** 2 / (w**2).sum())
    # Jensen's inequality holds for the mean over any draws; what is below zero is rounding, or the smoothing's.
    return Approximation(k_hat, threshold, verdict, max(0.0, evidence - elbo), evidence, elbo, spread / count**0.5, effective, count, note)


def weights(
    log_density: Float[Tensor, " s"] | Float[Array, " s"], log_guide: Float[Tensor, " s"] | Float[Array, " s"]
) -> Float[Array, " s"]:
    """Pareto smoothed importance weights of the draws, summing to one.

    Raises:
        DataError: as ``assess``, or densities that are no numbers.
    """
    ratios = _log_ratios(log_density, log_guide)
    if np.isnan(ratios).any() or ratios.max() == np.inf or ratios.max() == -np.inf:
        raise DataError("importance weights: found densities that are no numbers", fix="fit again: the guide left the model's support")
    smoothed, _ = smooth(ratios)
    w = np.exp(smoothed - smoothed.max())
    return w / w.sum()


def systematic(weights: Float[Array, " s"], seed: int = 0) -> Int[Array, " s"]:
    """Positions of as many draws as there are weights, each taken ``⌊s w⌋`` or ``⌈s w⌉`` times, in random order.

    One uniform number places an even comb over the cumulated weights: less noise than independent draws (Kitagawa 1996,
    Journal of Computational and Graphical Statistics 5).
    """
    count, rng = len(weights), np.random.default_rng(seed)
    comb = (rng.random() + np.arange(count)) / count
    place = np.searchsorted(np.cumsum(weights) / np.sum(weights), comb, side="right")
    return rng.permutation(np.minimum(place, count - 1))


def resample(draws: Mapping[str, Any], weights: Float[Array, " s"], seed: int = 0) -> dict[str, Any]:
    """As many draws, equally weighted, taken in proportion to ``weights``.

    Args:
        draws: tensors or arrays ``(s, *shape)`` by name; those of one call, or of several with one seed, stay together.
        weights: of the draws, as ``weights`` gives them.
        seed: of the comb and of the order.
    """
    place = systematic(weights, seed)
    return {name: value[place] for name, value in draws.items()}


def _threshold(count: int) -> float:
    """Vehtari et al., arXiv 1507.02646, equation 13; nothing is reliable with ten draws."""
    return min(1 - 1 / math.log10(count), RELIABLE) if count > 10 else 0.0


def _log_ratios(log_density: Any, log_guide: Any) -> Float[Array, " s"]:
    p, q = np.asarray(log_density, dtype=np.float64), np.asarray(log_guide, dtype=np.float64)
    if p.ndim != 1 or p.shape != q.shape or not len(p):
        raise DataError(f"log densities of shape {p.shape} beside {q.shape}", fix="give both at the same draws, one number a draw")
    with np.errstate(invalid="ignore"):
        return p - q


def smooth(ratios: Float[Array, " s"]) -> tuple[Float[Array, " s"], float]:
    """Smoothed log ratios, on their own scale, and k̂: 0 where all are alike, ∞ where there is no tail to see."""
    if len(ratios) < _FEWEST:
        return ratios, math.inf
    if ratios.max() - ratios.min() < _ALIKE:
        return ratios, 0.0
    top = ratios.max()
    try:
        normalised, k_hat = _psislw(ratios - top)
    except ValueError:  # ArviZ 1.x about a tail of equal numbers
        return ratios, math.inf
    if not math.isfinite(k_hat):
        return ratios, math.inf
    # Normalised weights have lost the scale; the least of the ratios, which smoothing leaves as it was, still has it.
    least = int(np.where(np.isfinite(ratios), ratios, np.inf).argmin())
    return normalised + (ratios[least] - normalised[least]), k_hat


def _psislw(ratios: Float[Array, " s"]) -> tuple[Float[Array, " s"], float]:
    """ArviZ's own, under the name and the sign that its version has."""
    import arviz  # 1.8 seconds

    with np.errstate(over="ignore"):  # of weights that become zero
        if hasattr(arviz, "psislw"):  # 0.x
            smoothed, k_hat = cast(Any, arviz).psislw(ratios.copy())
        else:  # 1.x takes log likelihoods, whose inverse are the ratios of leave-one-out
            from arviz_stats.base import array_stats  # pyright: ignore[reportMissingImports]

            smoothed, k_hat = array_stats.psislw(-ratios)
    return np.asarray(smoothed), float(k_hat)
