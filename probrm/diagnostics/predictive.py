"""Posterior predictive checks: do simulated logs have as many actions in each group of rows as the log has?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import csr_array

from probrm.diagnostics.grouping import group_codes
from probrm.errors import DataError

Array = np.ndarray
LEAST = 10
"""Rows from which on a group is looked at."""
REPLICATES = 2000
_NUMBERS = 4_000_000
"""Replicates × rows held at a time."""


@dataclass(frozen=True)
class Check:
    """One covariate, with the group that departs most.

    Attributes:
        name: of the covariate.
        group: its group that departs most, a level or a range.
        observed: actions in that group.
        expected: their posterior predictive mean.
        z: the difference in posterior predictive standard deviations.
        p: posterior predictive p-value of all groups of the covariate together, Holm's adjustment over covariates included.
        p_alone: without the adjustment.
        groups: how many groups were looked at.
    """

    name: str
    group: str
    observed: float
    expected: float
    z: float
    p: float
    p_alone: float
    groups: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def predictive_checks(
    action: Float[Array, " n"],
    probability: Float[Array, "s n"],
    covariates: Mapping[str, Shaped[Array, " n"] | None],
    seed: int = 0,
    *,
    levels: Collection[str] = ("user",),
    least: int = LEAST,
    replicates: int = REPLICATES,
) -> list[Check]:
    """Posterior predictive checks of sums of actions (Gelman, Meng & Stern 1996, Posterior Predictive Assessment).

    A replicated log takes one posterior draw of the probabilities, so that its sums vary as parameters do, and one Bernoulli draw for each
    row. The discrepancy of a covariate is ``Σ_g (O_g − E_g)² / V_g`` over its groups, with mean and variance of all replicates;
    p is the share of replicates whose own is at least as large. It is conservative where the model has been fitted to the
    very rows, most for effects that are in the model: false alarms are rarer than p says (the tests measure how rare). A p-value is no
    smaller than ``1 / (replicates + 1)``.

    Args:
        action: 0 or 1, rows whose action the model explains; labelled rows are better left out, or their probability conditioned on it.
        probability: of an action, for each posterior draw and row.
        covariates: values by name: texts and whole numbers of few values are levels, other numbers are cut at their
            quintiles; missing ones are a group of their own; None is passed over.
        seed: of those draws.
        levels: covariates whose numbers are codes whatever their count.
        least: rows from which on a group is looked at.
        replicates: logs to simulate, at least 1; draws are used in turn.

    Returns:
        One check for each covariate that has a group of at least ``least`` rows, in the given order.

    Raises:
        DataError: shapes that do not fit, or numbers that are no actions or probabilities.
    """
    action, probability = np.asarray(action, dtype=np.float64), np.asarray(probability)
    _validate(action, probability, covariates)
    tables: dict[str, tuple[list[str], csr_array]] = {}
    for name, values in covariates.items():
        if values is not None:
            names, member = _members(*group_codes(np.asarray(values), codes=name in levels), least)
            if names:
                tables[name] = names, member
    if not tables:
        return []
    sums = _replicated(probability, tables, seed, replicates)
    found = []
    for name, (names, member) in tables.items():
        observed, simulated = member.T @ action, sums[name]
        expected, sd = simulated.mean(0), np.maximum(simulated.std(0), 1e-6)  # no spread: the model is certain
        z = (observed - expected) / sd
        discrepancy = np.square((simulated - expected) / sd).sum(1)
        p = (1 + int((discrepancy >= np.square(z).sum() * (1 - 1e-12)).sum())) / (replicates + 1)
        worst = int(np.abs(z).argmax())
        found.append(Check(name, names[worst], float(observed[worst]), float(expected[worst]), float(z[worst]), p, p, len(names)))
    adjusted = holm([check.p_alone for check in found])
    return [Check(**(check.to_dict() | {"p": p})) for check, p in zip(found, adjusted, strict=True)]


def holm(p: list[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the probability of any false alarm among them stays below the level."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(np.asarray(p)[order] * np.arange(len(p), 0, -1), 1.0))
    return stepped[np.argsort(order)].tolist()


def _members(codes: Array, names: list[str], least: int) -> tuple[list[str], csr_array]:
    """Names of the groups that are large enough, and who is in them, ``(n, groups)``."""
    kept = np.flatnonzero(np.bincount(codes, minlength=len(names)) >= least)
    place = np.full(len(names), -1)
    place[kept] = np.arange(len(kept))
    column = place[codes]
    rows = np.flatnonzero(column >= 0)
    return [names[i] for i in kept], csr_array((np.ones(len(rows), np.float32), (rows, column[rows])), shape=(len(codes), len(kept)))


def _replicated(probability: Array, tables: Mapping[str, tuple[list[str], csr_array]], seed: int, replicates: int) -> dict[str, Array]:
    """Sums of simulated actions in each group, ``(replicates, groups)`` by covariate."""
    rng, draw = np.random.default_rng(seed), np.arange(replicates) % len(probability)
    sums = {name: np.zeros((replicates, len(names))) for name, (names, _) in tables.items()}
    for rows in _blocks(probability.shape[1], max(1, _NUMBERS // replicates)):
        coins = rng.random((replicates, rows.stop - rows.start), dtype=np.float32)
        acted = (coins < probability[:, rows][draw]).astype(np.float32)
        for name, (_, member) in tables.items():
            sums[name] += acted @ member[rows, :]
    return sums


def _blocks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _validate(action: Array, probability: Array, covariates: Mapping[str, Array | None]) -> None:
    n = len(action)
    lengths = {name: len(values) for name, values in covariates.items() if values is not None and len(values) != n}
    if probability.ndim != 2 or probability.shape[1] != n or not len(probability) or lengths:
        raise DataError(
            f"{n} actions beside probabilities of shape {probability.shape}" + (f" and covariates of {lengths} rows" if lengths else ""),
            fix="give probabilities of shape (draws, rows) and one value a row of each covariate",
        )
    if not np.isin(action, (0.0, 1.0)).all() or not (probability.min(initial=0) >= 0 and probability.max(initial=0) <= 1):
        raise DataError("actions must be 0 or 1 and probabilities in [0, 1]; found other numbers", fix="leave out rows without an action")
