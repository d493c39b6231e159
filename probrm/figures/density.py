"""Posterior densities of single quantities, each with its prior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pyro import poutine
from torch.distributions import Independent

from probrm.figures.entries import single_quantities
from probrm.figures.style import BLUE, INK, ORANGE, canvas, legend, limits, panel_title, short
from probrm.inference.device import own_random_stream
from probrm.model import RewardModel
from probrm.posterior.rewards import LEVEL

Density = Callable[[Float[np.ndarray, " g"]], Float[np.ndarray, " g"]]
_BINS = 40


def densities(
    quantities: Mapping[str, Float[np.ndarray, " s"]],
    priors: Mapping[str, Density],
    title: str = "Single quantities of the posterior, with their priors",
    *,
    units: Mapping[str, str] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    most: int = 8,
) -> Figure:
    """A histogram of each quantity's draws with its prior's density over it.

    Args:
        quantities: draws by name; the first ``most`` are drawn.
        priors: densities by the same names, where there are any.
        title: of the figure.
        units: what stands under each quantity instead of its name.
        ranges: ends of the horizontal axis; without them those of the draws.
        most: panels.
    """
    shown = dict(list(quantities.items())[:most])
    points = all(len(draws) < 2 for draws in shown.values())
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    note = "point estimates, without intervals" if points else "histogram: posterior draws; bar below: mean and central 90 % interval"
    if any(name in priors for name in shown):
        note += "; dashed: prior, where its density is known"
    figure, axes = canvas(0.3 + (2.2 if len(shown) == 1 else 1.75 * rows), title, note, rows=rows, columns=columns)
    for place in axes.flat[len(shown) :]:
        place.set_axis_off()
    for place, (name, draws) in zip(axes.flat, shown.items(), strict=False):
        _panel(place, draws, priors.get(name), (ranges or {}).get(name))
        place.set_xlabel(short((units or {}).get(name, ""), 90))
        panel_title(place, short(name, 44))
    if any(name in priors for name in shown) and not points:
        legend(axes.flat[0])
    return figure


def _panel(axes: Axes, draws: np.ndarray, prior: Density | None, ends: tuple[float, float] | None) -> None:
    mean, (low, high) = draws.mean(), np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    ends = ends or limits(draws, least=1e-3 if len(draws) > 1 else 1.0)
    if len(draws) > 1:
        counts, edges = np.histogram(draws, _BINS, ends)
        heights = counts / (len(draws) * np.diff(edges))  # as shares of all draws, those beyond the ends included
        axes.stairs(heights, edges, fill=True, color=BLUE, alpha=0.55, lw=0, label="posterior")
        top = float(heights.max())
    else:
        axes.axvline(mean, color=BLUE, lw=2)
        top = 1.0
    if prior is not None:
        grid = np.linspace(*ends, 402)[1:-1]
        with np.errstate(all="ignore"):
            density = np.nan_to_num(prior(grid), nan=0.0, posinf=np.nan)
        axes.plot(grid, density, color=ORANGE, ls="--", lw=1.6, label="prior")
        top = max(top, min(float(np.nanmax(density)), 1.5 * top))  # a prior that has a pole does not flatten the posterior
    axes.set_ylim(-0.09 * top, 1.08 * top)
    if len(draws) > 1:
        axes.plot([low, high], [-0.045 * top] * 2, color=INK, lw=1.6, solid_capstyle="butt")
        axes.plot([mean], [-0.045 * top], "o", color=INK, ms=4)
    axes.set_xlim(*ends)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def prior_densities(model: RewardModel) -> dict[str, Density]:
    """Densities of the priors of the model's single quantities that depend on no other latent, by name.

    They are read off the sites that ``model.globals()`` issues. A prior whose parameters are latent too has another density in a second
    trace, and is left out: its marginal has no closed form.
    """
    process: Any = getattr(model, "globals", None)
    if process is None:
        return {}
    with own_random_stream(0), torch.no_grad():
        first, second = (poutine.trace(process).get_trace() for _ in range(2))
    found: dict[str, Density] = {}
    for site, node in first.nodes.items():
        if node["type"] != "sample" or node["is_observed"] or site not in second.nodes or node["value"].ndim > 1:
            continue
        one, other = _base(node["fn"]), _base(second.nodes[site]["fn"])
        value = node["value"]
        try:
            if not torch.equal(one.log_prob(value), other.log_prob(value)) or one.log_prob(value).shape != value.shape:
                continue
        except (ValueError, RuntimeError, NotImplementedError):
            continue
        names = single_quantities(model, {site: value.unsqueeze(0)})
        found |= {name: _density(one, value, i) for i, name in enumerate(names)}
    return found


def _base(distribution: Any) -> Any:
    """Without ``to_event``: one density an entry."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _density(distribution: Any, inside: torch.Tensor, entry: int) -> Density:
    """The density of one entry; 0 where there is none, for which ``inside``, a value that is allowed, stands in."""

    def density(grid: np.ndarray) -> np.ndarray:
        points = torch.as_tensor(grid, dtype=inside.dtype).reshape(-1, *[1] * inside.ndim).expand(-1, *inside.shape)
        allowed = distribution.support.check(points)
        log = distribution.log_prob(torch.where(allowed, points, inside))
        return (log.exp() * allowed).reshape(len(grid), -1)[:, entry].numpy().astype(float)

    return density
