"""The figures that every run has, whatever its model: the encoder's layers, training or chains, importance ratios, single quantities, weak directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logit

from probrm.figures.chains import rank_plot, traces
from probrm.figures.density import densities, prior_densities
from probrm.figures.entries import FEW, single_quantities
from probrm.figures.joint import joint
from probrm.figures.layers import layer_choice
from probrm.figures.ratios import importance_ratios
from probrm.figures.training import training
from probrm.runs.run import Run


def common_figures(
    run: Run,
    unit: str = "row",
    *,
    units: Mapping[str, str] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    first: Sequence[str] = (),
    chance: bool = False,
) -> dict[str, Figure]:
    """Those of them that there is something for, by file stem.

    Args:
        run: fitted.
        unit: what the likelihood is a mean over.
        units: of single quantities, by name.
        ranges: of their axes.
        first: quantities that the figure of weak directions has in any case, as ``free_quantities`` names them.
        chance: see ``training``.
    """
    quantities = single_quantities(run.model, run.draws)
    made = {"encoder_layers": layer_choice(run.record["encoder"].get("layers", [])), "training": training(run.history, unit, chance=chance)}
    divergent = run.sample_stats.get("diverging")
    one = next((len(value) for value in run.draws.values()), 0) < 2
    if run.sampled:
        watched = quantities | norms(run)
        made["trace"] = traces(watched, run.chains, divergent)
        made["ranks"] = rank_plot(watched, run.chains)
    if {"log_density", "log_guide"} <= run.sample_stats.keys():
        found: Mapping[str, Any] | None = run.metrics.get("diagnostics", {}).get("approximation")
        made["importance_ratios"] = importance_ratios(run.sample_stats["log_density"], run.sample_stats["log_guide"], found)
    if quantities:
        made["quantities"] = densities(quantities, prior_densities(run.model), units=units, ranges=ranges)
    if not one:
        made["directions"] = joint(free_quantities(run), divergent, first=first)
    return {name: figure for name, figure in made.items() if figure is not None}


def norms(run: Run) -> dict[str, np.ndarray]:
    """Euclidean norms of the long vectors that have no scale of their own, ``(s,)`` by name: how much they do, whatever the direction."""
    return {
        f"size of {name}": value.reshape(len(value), -1).double().norm(dim=1).numpy()
        for name, value in run.draws.items()
        if value[0].numel() > FEW and f"{name}_scale" not in run.draws
    }


def free_quantities(run: Run) -> dict[str, np.ndarray]:
    """Single quantities and sizes on scales without ends, where correlations mean most: rates as logits, positive ones as logarithms."""
    found: dict[str, np.ndarray] = {}
    priors = prior_densities(run.model)
    for name, draws in (single_quantities(run.model, run.draws) | norms(run)).items():
        positive = bool(np.all(draws > 0)) and (name not in priors or not np.any(priors[name](np.array([-1.0, -0.1]))))
        if positive and name in priors and bool(np.all(draws < 1)) and not np.any(priors[name](np.array([1.1, 2.0]))):
            found[f"logit {name}"] = logit(draws)
        elif positive and (name in priors or name.endswith("_scale") or name.startswith("size of")):
            found[f"log {name}"] = np.log(draws)
        else:
            found[name] = draws
    return found
