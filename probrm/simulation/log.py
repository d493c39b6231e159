"""A simulated log as a table that ``read_log`` takes: exposures of rated answers, with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.conversation import Conversation
from probrm.errors import ConfigError, DataError
from probrm.simulation.exposures import simulate
from probrm.simulation.provenance import notes_of, record_of
from probrm.simulation.rated import Rated
from probrm.simulation.settings import SimulationSettings

LEAST_ROWS = 50
"""A log of fewer rows cannot be fitted."""
MOST_ROWS = 5_000_000
"""They are made in memory, where a row with its texts takes half a kilobyte or more."""


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
    shown = len(rated) * _positive("--exposures", settings.exposures)
    if shown > MOST_ROWS:
        raise ConfigError(
            f"--exposures {settings.exposures}: {len(rated)} answers shown so often are {shown:,} rows; allowed: up to {MOST_ROWS:,}",
            fix=f"use --exposures {max(MOST_ROWS // len(rated), 1)} or fewer",
        )
    _enough(shown, rated, settings)
    at = np.repeat(np.arange(len(rated)), settings.exposures)
    selects = settings.mechanism == "selected"
    drawn = simulate(
        rated.rating[at],
        rated.good[at],
        settings.mechanism,
        rate=settings.rate,
        alpha=settings.alpha,
        users=settings.users if settings.users is not None or selects else shown // 20,
        randomised=settings.randomised,
        seed=settings.seed,
    )
    n, at = len(drawn.answer), at[drawn.answer]
    _enough(n, rated, settings)
    if not 0 <= settings.anchors <= n:
        raise ConfigError(f"--anchors: found {settings.anchors}; allowed: 0 to the number of rows, {n}", fix="use --anchors 50")
    if not drawn.action.any():
        raise DataError(
            f"{rated.source}: with --rate {settings.rate:g} nobody acts on any of the {int(rated.good[at].sum())} rows with a good answer",
            fix=f"raise the rate, for example --rate {min(0.9, max(0.2, 4 * settings.rate)):g}",
        )
    assert drawn.user is not None
    good = rated.good[at].astype(np.int8)
    labelled = _anchors(n, settings.anchors, settings.seed)
    ids = rated.row_id[at]
    if settings.exposures > 1:
        ids = np.array([f"{name}/{k}" for name, k in zip(ids, drawn.answer % settings.exposures, strict=True)], object)
    extra = {}
    if drawn.selected is not None:
        labelled |= drawn.selected.randomised
        randomised = pa.array(drawn.selected.randomised.astype(np.int8))
        extra = {"randomised": randomised, "choice_probability": pa.array(drawn.selected.probability)}
    columns = {
        "id": pa.array(ids.tolist(), pa.string()),
        "prompt": _prompts([rated.conversations[i] for i in at]),
        "response": pa.array([rated.conversations[i].response for i in at], pa.large_string()),
        "action": pa.array(drawn.action.astype(np.int8)),
        "user_id": pa.array([f"u{code + 1:04d}" for code in drawn.user], pa.string()),
        "surface": pa.array(drawn.covariates["surface"].tolist(), pa.string()),
        "position": pa.array(drawn.covariates["position"].to_numpy(dtype=np.int8)),
        "label": pa.array(good, mask=~labelled),
        **extra,
        "rating": pa.array(rated.rating[at]),
        "true_preference": pa.array(good),
        "true_propensity": pa.array(drawn.propensity),
    }
    record = record_of(rated, settings, drawn, good, labelled)
    return SimulatedLog(pa.table(columns), record, notes_of(rated, good, drawn))


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


def _enough(n: int, rated: Rated, settings: SimulationSettings) -> None:
    if n < LEAST_ROWS:
        raise DataError(
            f"{rated.source}: {len(rated)} rated answers shown {settings.exposures} times are {n} rows; a fit needs {LEAST_ROWS}",
            fix=f"rate more answers, or show each more often: --exposures {-(-LEAST_ROWS * settings.exposures // max(n, 1))}",
        )


def _positive(flag: str, value: int) -> int:
    if value < 1:
        raise ConfigError(f"{flag}: found {value}; allowed: 1 or more", fix=f"use {flag} 1")
    return value
