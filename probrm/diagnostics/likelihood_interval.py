"""How flat a likelihood is along one parameter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

from probrm.errors import DataError

Array = np.ndarray
DROP = 2.0
"""Nats; half the χ² quantile of a 95 % interval is 1.92."""


@dataclass(frozen=True)
class FlatRange:
    """Where a profile lies within ``drop`` nats of its top.

    Attributes:
        drop: nats.
        top: the node at which the profile is highest.
        low: the least parameter value within the drop.
        high: the greatest.
        reaches_low: the profile is still within the drop at the first node: the data set no lower bound.
        reaches_high: likewise at the last one.
        pieces: intervals that the range consists of; more than 1 means several modes.
        share: length of the pieces over the length of the profile.
    """

    drop: float
    top: float
    low: float
    high: float
    reaches_low: bool
    reaches_high: bool
    pieces: int
    share: float

    @property
    def flat(self) -> bool:
        """The data bound the parameter on neither side."""
        return self.reaches_low and self.reaches_high and self.pieces == 1

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def flat_range(nodes: Float[Array, " k"], log_evidence: Float[Array, " k"], drop: float = DROP) -> FlatRange:
    """The likelihood interval ``{θ: ℓ(θ) ≥ max ℓ − drop}`` of a profile (Royall 1997; Raue et al. 2009 for practical identifiability).

    Between nodes the profile is a monotone cubic (Fritsch & Carlson 1980), which goes through every node and never beyond
    the two at its sides, so nothing is found that the nodes do not show; the top is one of the nodes.

    Args:
        nodes: values of the parameter, increasing, at least 3.
        log_evidence: nats at each; −∞ where the parameter is impossible.
        drop: nats below the top, positive.

    Raises:
        DataError: nodes that do not increase, missing values, or a drop that is not positive.
    """
    nodes, log_evidence = np.asarray(nodes, dtype=np.float64), np.asarray(log_evidence, dtype=np.float64)
    fine = nodes.ndim == 1 and nodes.shape == log_evidence.shape and len(nodes) >= 3 and bool(np.all(np.diff(nodes) > 0))
    if not fine or np.isnan(log_evidence).any() or np.isposinf(log_evidence).any() or not np.isfinite(log_evidence).any() or not drop > 0:
        raise DataError(
            f"a profile of {log_evidence.shape} values over {nodes.shape} nodes with a drop of {drop}: it needs 3 or more increasing nodes "
            "with a number (or −∞) at each, one of them finite, and a positive drop",
            fix="sort the nodes, and leave out those at which the fit failed",
        )
    height = log_evidence - log_evidence.max()
    # What is impossible lies far below; a finite stand-in keeps the cubic defined and moves the crossing by less than the gap.
    height = np.where(np.isneginf(height), min(height[np.isfinite(height)].min(), -drop) - 10 * drop, height)
    curve = PchipInterpolator(nodes, height)
    crossings = np.asarray(curve.solve(-drop, extrapolate=False))
    crossings = crossings[np.isfinite(crossings)]  # a stretch that is constant at the level reports a nan beside its ends
    edges = np.unique(np.concatenate([nodes[:1], crossings, nodes[-1:]]))
    inside = np.flatnonzero(curve((edges[:-1] + edges[1:]) / 2) >= -drop)
    starts = inside[np.r_[True, np.diff(inside) > 1]]
    length = float(np.diff(edges)[inside].sum())
    return FlatRange(
        drop=float(drop),
        top=float(nodes[int(height.argmax())]),
        low=float(edges[inside[0]]),
        high=float(edges[inside[-1] + 1]),
        reaches_low=bool(height[0] >= -drop),
        reaches_high=bool(height[-1] >= -drop),
        pieces=len(starts),
        share=length / float(nodes[-1] - nodes[0]),
    )
