"""A simulated log as a table that ``read_log`` takes: exposures of rated answers, with the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.conversation import Conversation
from probrm.data.files.tables import file_hash
from probrm.errors import ConfigError, DataError
from probrm.simulation.mechanisms import simulate
from probrm.simulation.rated import Rated

LEAST_ROWS = 50
"""A log of fewer rows cannot be fitted."""


@dataclass(frozen=True)
class SimulationSettings:
    """What is simulated.

    Attributes:
        mechanism: what drives the propensity, see ``probrm.simulation.MECHANISMS``.
        seed: of everything.
        rate: mean of the propensity.
        alpha: of the mechanisms ``label`` and ``against``.
        users: how many; None: a twentieth of the rows.
        exposures: how often each answer is shown, each time to somebody and somewhere of its own.
        anchors: how many rows, drawn at random, carry the true preference as an explicit ``label``.
    """

    mechanism: str = "label"
    seed: int = 0
    rate: float = 0.2
    alpha: float = 0.5
    users: int | None = None
    exposures: int = 1
    anchors: int = 0


@dataclass(frozen=True)
class SimulatedLog:
    """A simulated log.

    Attributes:
        table: one exposure a row.
        record: settings, seed and truth, plain types: what is kept beside the table.
        notes: what a user should know, one sentence each.
    """

    table: pa.Table
    record: dict[str, Any]
    notes: list[str]


def simulate_log(rated: Rated, settings: SimulationSettings) -> SimulatedLog:
    """Shows each answer to simulated users and notes who acted.

    Args:
        rated: n answers with ratings.
        settings: the mechanism and its numbers.

    Raises:
        ConfigError: a setting outside its range.
        DataError: too few rows, or nobody acts.
    """
    n = len(rated) * _positive("--exposures", settings.exposures)
    if n < LEAST_ROWS:
        raise DataError(
            f"{rated.source}: {len(rated)} rated answers shown {settings.exposures} times are {n} rows; a fit needs {LEAST_ROWS}",
            fix=f"rate more answers, or show each more often: --exposures {-(-LEAST_ROWS // len(rated))}",
        )
    if not 0 <= settings.anchors <= n:
        raise ConfigError(f"--anchors: found {settings.anchors}; allowed: 0 to the number of rows, {n}", fix="use --anchors 50")
    at = np.repeat(np.arange(len(rated)), settings.exposures)
    users = settings.users if settings.users is not None else n // 20
    drawn = simulate(
        rated.rating[at],
        rated.good[at],
        settings.mechanism,
        rate=settings.rate,
        alpha=settings.alpha,
        users=users,
        seed=settings.seed,
    )
    if not drawn.action.any():
        raise DataError(
            f"{rated.source}: with --rate {settings.rate:g} nobody acts on any of the {int(rated.good[at].sum())} rows with a good answer",
            fix=f"raise the rate, for example --rate {min(0.9, max(0.2, 4 * settings.rate)):g}",
        )
    assert drawn.user is not None
    good = rated.good[at].astype(np.int8)
    ids = rated.row_id[at]
    if settings.exposures > 1:
        ids = np.array([f"{name}/{k}" for name, k in zip(ids, np.tile(np.arange(settings.exposures), len(rated)), strict=True)], object)
    columns = {
        "id": pa.array(ids.tolist(), pa.string()),
        "prompt": _prompts([rated.conversations[i] for i in at]),
        "response": pa.array([rated.conversations[i].response for i in at], pa.large_string()),
        "action": pa.array(drawn.action.astype(np.int8)),
        "user_id": pa.array([f"u{code + 1:04d}" for code in drawn.user], pa.string()),
        "surface": pa.array(drawn.covariates["surface"].tolist(), pa.string()),
        "position": pa.array(drawn.covariates["position"].to_numpy(dtype=np.int8)),
        "label": pa.array(good, mask=~_anchors(n, settings.anchors, settings.seed)),
        "rating": pa.array(rated.rating[at]),
        "true_preference": pa.array(good),
        "true_propensity": pa.array(drawn.propensity),
    }
    return SimulatedLog(pa.table(columns), _record(rated, settings, users, good, drawn.action, drawn.truth), _notes(rated, good))


def _record(
    rated: Rated, settings: SimulationSettings, users: int, good: np.ndarray, action: np.ndarray, truth: dict[str, Any]
) -> dict[str, Any]:
    from probrm import __version__

    return {
        "version": __version__,
        "source": rated.source,
        "sha256": file_hash(rated.source),
        "settings": asdict(settings) | {"users": users},
        "threshold": rated.threshold,
        "rows": len(good),
        "good": int(good.sum()),
        "actions": int(action.sum()),
        "propensity": truth,
    }


def _notes(rated: Rated, good: np.ndarray) -> list[str]:
    share = f"good: the {int(rated.good.sum())} of {len(rated)} answers ({100 * good.mean():.1f} %) with a rating above {rated.threshold:g}"
    return [*rated.notes, share]


def _anchors(n: int, count: int, seed: int) -> np.ndarray:
    chosen = np.zeros(n, dtype=bool)
    # A stream of its own, and nested: 50 anchors are among the 200 of the same seed.
    chosen[np.random.default_rng([seed, 100]).permutation(n)[:count]] = True
    return chosen


def _prompts(conversations: list[Conversation]) -> pa.Array:
    """Texts where all prompts are, else chats."""
    if all(isinstance(conversation.prompt, str) for conversation in conversations):
        return pa.array([conversation.prompt for conversation in conversations], pa.large_string())
    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.large_string())]))
    return pa.array([conversation.prompt_messages for conversation in conversations], chat)


def _positive(flag: str, value: int) -> int:
    if value < 1:
        raise ConfigError(f"{flag}: found {value}; allowed: 1 or more", fix=f"use {flag} 1")
    return value
