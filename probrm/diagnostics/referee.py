"""A short run of NUTS as referee: does the posterior that was fitted agree with one that makes no assumption about its shape?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.diagnostics.agreement import Agreement, agreements
from probrm.diagnostics.sampler import SamplerQuality, sampler_quality
from probrm.errors import ConfigError
from probrm.guides.registry import GUIDES as GUIDES_BY_NAME
from probrm.inference import NUTS, Fitted
from probrm.inference.settings import INFERENCES
from probrm.posterior import FittedRowsLike, Variable, summarise
from probrm.progress import Progress, silent

GUIDES = ("auto-normal", "low-rank", "full-rank")
"""Whose bounds are compared."""
_DRAWS, _CHAINS = 500, 2


class RunLike(Protocol):
    """What is asked of a run: ``probrm.runs.Run``."""

    @property
    def config(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def draws(self) -> Mapping[str, Tensor]: ...  # noqa: D102
    @property
    def sample_stats(self) -> Mapping[str, np.ndarray]: ...  # noqa: D102
    @property
    def chains(self) -> int: ...  # noqa: D102
    @property
    def sampled(self) -> bool: ...  # noqa: D102
    def summary(self) -> Mapping[str, Variable]: ...  # noqa: D102


class Refits(Protocol):
    """What is asked of a recipe: ``probrm.runs.Recipe``."""

    refits_itself: ClassVar[bool]

    def refit(self, run: Any, batch: Batch, *, guide: Any, inference: Any, seed: int, progress: Progress) -> Fitted: ...  # noqa: D102


@dataclass(frozen=True)
class Bound:
    """A guide's evidence lower bound on the referee's rows.

    Attributes:
        elbo: its mean over draws of the guide, nats.
        error: its standard error.
        gap: to the best of the guides, nats: how much nearer to the posterior that one is, in KL(q ‖ p).
    """

    elbo: float
    error: float
    gap: float


@dataclass(frozen=True)
class RefereeReport:
    """What the referee saw.

    Attributes:
        judged: the inference that was judged, ``svi, auto-normal``.
        refitted: whether it was fitted again on a part of the rows; otherwise the run's own draws were judged.
        rows: that all fits here saw.
        of_rows: that the run was fitted to.
        bounds: by guide, that of the judged inference included.
        best: the guide of the highest bound; None where no guide gave one.
        variables: ours against NUTS', by name.
        sampler: how the referee itself did.
        seconds: it took.
    """

    judged: str
    refitted: bool
    rows: int
    of_rows: int
    bounds: dict[str, Bound]
    best: str | None
    variables: dict[str, Agreement]
    sampler: SamplerQuality
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether the referee can be believed itself."""
        return self.sampler.rough

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        tables = {"variables": {name: one.to_dict() for name, one in self.variables.items()}, "sampler": self.sampler.to_dict()}
        return asdict(self) | tables | {"converged": self.converged}


def referee(
    run: RunLike,
    rows: FittedRowsLike,
    recipe: Refits,
    *,
    max_rows: int = 2000,
    max_latents: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> RefereeReport:
    """Compares a run's posterior with NUTS, and its guide's bound with those of the others.

    Where there are more than ``max_rows`` rows all of them are fitted to a random part, the run's own inference too: what is
    judged then is the inference, not the run's very draws.

    Args:
        run: fitted with a guide.
        rows: that it was fitted to; those held out from it are left out.
        recipe: of its model.
        max_rows: rows that NUTS sees at most.
        max_latents: global latents of the model at most.
        seed: of the part and of the fits.
        progress: shows the fits.

    Raises:
        ConfigError: the run has no intervals, was sampled by NUTS, has too many latents, or its model cannot be fitted in another way.
        TrainingError: a fit failed.
    """
    check_judgeable(run, max_latents)
    started = time.perf_counter()
    batch, part = _part(rows, max_rows, seed)
    if part and not recipe.refits_itself:
        raise ConfigError(
            f"--referee: {len(batch)} of the run's {int((~np.asarray(rows.held_out, dtype=bool)).sum())} rows would have to stand for all, and "
            "this model's own inference cannot be repeated on them",
            fix="read the Pareto k̂ and the bound of the fit instead: leave --referee out",
        )
    guide, inference = run.config["guide"]["name"], run.config["inference"]["name"]
    name = "laplace" if inference == "laplace" else guide
    judged = "laplace" if inference == "laplace" else f"{inference}, {guide}"

    def fit(guide: Any, inference: Any) -> Fitted:
        return recipe.refit(run, batch, guide=guide, inference=inference, seed=seed, progress=progress)

    try:
        sampled = fit("auto-normal", NUTS(draws=_DRAWS, chains=_CHAINS))
        ours = fit(*_own_settings(run.config)) if part else run
        found = {name: ours, **{other: fit(other, "svi") for other in GUIDES if other != name}}
    except NotImplementedError as error:
        raise ConfigError(f"--referee: {error}", fix="read the Pareto k̂ and the bound of the fit instead: leave --referee out") from None
    bounds = _bounds({name: fitted.sample_stats for name, fitted in found.items()})
    return RefereeReport(
        judged=judged,
        refitted=part,
        rows=len(batch),
        of_rows=int((~np.asarray(rows.held_out, dtype=bool)).sum()),
        bounds=bounds,
        best=max(bounds, key=lambda name: bounds[name].elbo) if bounds else None,
        variables=agreements(ours.draws, sampled.draws),
        sampler=_quality(sampled),
        seconds=time.perf_counter() - started,
    )


def _own_settings(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Guide and inference as the run had them, without its held-out rows: there are none in a part."""
    inference, guide = dict(config["inference"]), dict(config["guide"])
    return GUIDES_BY_NAME[guide.pop("name")](**guide), INFERENCES[inference.pop("name")](**inference)


def check_judgeable(run: RunLike, max_latents: int = 1000) -> None:
    """Refuses runs that a referee has nothing to say about; before the fitted rows are read.

    Raises:
        ConfigError: which those are.
    """
    if run.sampled:
        raise ConfigError("--referee: the run was sampled by NUTS, which is the referee", fix="read its R̂ and effective draws")
    if is_point(run.draws):
        raise ConfigError("--referee: the run is a point estimate and has no intervals to judge", fix="fit with --guide auto-normal")
    latents = sum(value[0].numel() for value in run.draws.values())
    if latents > max_latents:
        raise ConfigError(
            f"--referee: the model has {latents} latents; NUTS is practical up to {max_latents}",
            fix="read the Pareto k̂ of the fit instead, or fit on vectors of fewer dimensions",
        )


def is_point(draws: Mapping[str, Tensor]) -> bool:
    """Whether draws are all the same: a point estimate."""
    return all(len(value) < 2 or bool((value == value[:1]).all()) for value in draws.values())


def _part(rows: FittedRowsLike, max_rows: int, seed: int) -> tuple[Batch, bool]:
    """The rows that the run has seen, or as many of them as the referee takes."""
    seen = np.flatnonzero(~np.asarray(rows.held_out, dtype=bool))
    whole = len(seen) <= max_rows
    chosen = seen if whole else np.sort(np.random.default_rng(seed).choice(seen, max_rows, replace=False))
    return rows.batch.subset(torch.from_numpy(chosen)), not whole


def _bounds(stats: Mapping[str, Mapping[str, Any]]) -> dict[str, Bound]:
    ratios = {
        name: np.asarray(one["log_density"], dtype=np.float64) - np.asarray(one["log_guide"], dtype=np.float64)
        for name, one in stats.items()
        if "log_guide" in one
    }
    means = {name: float(ratio.mean()) for name, ratio in ratios.items()}
    return {
        name: Bound(means[name], float(ratio.std(ddof=min(1, len(ratio) - 1)) / len(ratio) ** 0.5), max(means.values()) - means[name])
        for name, ratio in ratios.items()
    }


def _quality(sampled: Fitted) -> SamplerQuality:
    table = summarise(sampled.model, sampled.draws, sampled.chains, sampled=True)
    return sampler_quality(table, sampled.chains, np.asarray(sampled.sample_stats["diverging"]))
