"""One verdict on a run: how reliable are the intervals?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from probrm.diagnostics.agreement import Agreement, agreements
from probrm.diagnostics.approximation import Approximation, assess, weights
from probrm.diagnostics.referee import RefereeReport, RunLike, is_point
from probrm.diagnostics.sampler import SamplerQuality, sampler_quality

Answer = Literal["yes", "with care", "no", "no intervals"]
_ENOUGH = 100
"""Effective draws from which on weighted draws say what an interval covers, to three points."""
_MANY = 50
"""Latents from which on a bad k̂ need not be any single interval's fault: 600 that are 5 % too narrow each (and cover 88 %) have .75."""


@dataclass(frozen=True)
class Trust:
    """The answer.

    Attributes:
        verdict: ``yes``, ``with care``, ``no``, or ``no intervals`` of a point estimate.
        reasons: a clause each.
    """

    verdict: Answer
    reasons: list[str]

    def __str__(self) -> str:
        return f"{self.verdict}: {'; '.join(self.reasons)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def trust(run: RunLike, referee: RefereeReport | None = None, *, resampled: bool = False) -> Trust:
    """Whether the intervals of a run are those of its model's posterior.

    It says nothing about the model: whether that is identified and fits the data are questions of their own.

    Args:
        run: any; of its parts ``draws``, ``sample_stats``, ``chains`` and ``summary()`` are used.
        referee: outweighs everything else, where it has converged.
        resampled: what is shown are its draws resampled by their importance ratios.
    """
    if is_point(run.draws):
        return Trust("no intervals", ["a point estimate"])
    if run.sampled:
        return of_sampler(sampler_quality(run.summary(), run.chains, run.sample_stats.get("diverging")))
    if "log_guide" not in run.sample_stats:
        known = Trust("with care", ["the densities of the draws are not in the run, so nothing says how near they are to the posterior"])
    else:
        density = run.sample_stats["log_density"], run.sample_stats["log_guide"]
        known = of_guide(run.draws, *density, resampled=resampled, seen=None if resampled else _at_the_fit(run))
    return known if referee is None else of_referee(referee, known)


def of_sampler(quality: SamplerQuality) -> Trust:
    """From R̂, effective draws and divergences."""
    if quality.fine:
        return Trust("yes", [str(quality)])
    if np.isnan(quality.r_hat) and quality.ess_bulk >= _ENOUGH and not quality.divergences:
        return Trust("with care", [str(quality), "whether another chain would agree is not known: fit with --set inference.chains=2"])
    if quality.rough:
        return Trust("with care", [str(quality), "asked for are R̂ < 1.01, 400 effective draws and no divergence: take more draws"])
    return Trust("no", [str(quality), "the chains have not converged: take more draws, or give weights and effects tighter priors"])


def _at_the_fit(run: RunLike) -> Approximation | None:
    """What the fit itself saw, with more draws than the run has kept."""
    found = getattr(run, "metrics", {}).get("diagnostics", {}).get("approximation")
    if not found or found["draws"] <= len(run.sample_stats["log_guide"]):
        return None
    numbers = {name: math.inf if name == "k_hat" else math.nan for name, value in found.items() if value is None}  # as JSON has them
    return Approximation(**(found | numbers))


def of_guide(
    draws: Mapping[str, Tensor], log_density: Any, log_guide: Any, *, resampled: bool = False, seen: Approximation | None = None
) -> Trust:
    """From k̂, and, where weighted draws are reliable, from what the intervals cover under them.

    ``seen`` is what more draws than these have said of the guide: it takes k̂'s place, and these draws are compared with their weighted
    selves where their own weights allow that.

    k̂ alone does not see intervals that are too wide: the ratios of a guide that is wider than the posterior are bounded.
    """
    own = assess(log_density, log_guide)
    found = seen or own
    told = told_k(found)
    size = sum(value[0].numel() for value in draws.values())
    if found.verdict == "bad" and size >= _MANY and found.k_hat < 1:
        return Trust("with care", [told, f"that may be many small errors in {size} latents or a large one in some: --referee says which"])
    if found.verdict == "bad":
        return Trust("no", [told, *filter(None, [found.note if not np.isfinite(found.k_hat) else ""]), "--referee says which variables"])
    if found.effective_draws < _ENOUGH:
        return Trust("with care", [told, f"only {found.effective_draws:.0f} effective draws"])
    if resampled:
        return Trust("yes", [f"resampled by importance; {told}, {found.effective_draws:.0f} effective draws"])
    comparable = own.verdict != "bad" and own.effective_draws >= _ENOUGH
    wrong = _told(agreements(draws, draws, weights(log_density, log_guide))) if comparable else []
    if wrong:
        return Trust("with care", [told, *wrong, "--psis corrects it"])
    return Trust("yes", [told] + (["importance weights change no interval by much"] if comparable and found.verdict != "good" else []))


def of_referee(report: RefereeReport, known: Trust) -> Trust:
    """From the comparison with NUTS, where that has converged; otherwise what was known, with a word on it."""
    if not report.converged:
        return Trust(known.verdict, [*known.reasons, f"the referee has not converged itself ({report.sampler})"])
    rows = f"{report.rows} of {report.of_rows} rows" if report.refitted else f"all {report.rows} rows"
    wrong = _told(report.variables)
    if not wrong:
        return Trust("yes", [f"NUTS on {rows} agrees about every variable", *known.reasons[:1]])
    verdict: Answer = "no" if any(one.wrong for one in report.variables.values()) else "with care"
    return Trust(verdict, [f"NUTS on {rows}: {'; '.join(wrong)}", *known.reasons[:1]])


def told_k(found: Approximation) -> str:
    """k̂ with its verdict in words."""
    return f"Pareto k̂ {found.k_hat:.2f} ({found.verdict}; reliable up to {found.threshold:.2f})"


def _told(table: Mapping[str, Agreement]) -> list[str]:
    """The variables that do not agree, by what is wrong with them, and what their intervals cover."""
    found: dict[str, list[str]] = {}
    for name, one in table.items():
        if one.verdict != "agrees":
            found.setdefault(one.verdict, []).append(f"{name} (covers {100 * one.coverage:.0f} %)")
    return [f"{verdict}: {', '.join(names)}" for verdict, names in found.items()]
