"""What is kept with a simulated log, and what is said about it."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np

from probrm.data.files.tables import file_hash
from probrm.simulation.exposures import Simulated
from probrm.simulation.rated import Rated
from probrm.simulation.settings import SimulationSettings


def record_of(rated: Rated, settings: SimulationSettings, drawn: Simulated, good: np.ndarray, labelled: np.ndarray) -> dict[str, Any]:
    """Settings, version, hash of the rated file, counts and the effects that were drawn: plain types, kept with the log."""
    from probrm import __version__

    assert drawn.user is not None
    return {
        "version": __version__,
        "source": os.path.basename(rated.source.rstrip("/")),  # of a file that is given away nobody has to know the folder
        "sha256": file_hash(rated.source),
        "settings": asdict(settings) | {"users": int(drawn.user.max()) + 1},
        "threshold": rated.threshold,
        "rows": len(good),
        "good": int(good.sum()),
        "actions": int(drawn.action.sum()),
        "labels": int(labelled.sum()),
        "propensity": drawn.truth,
    }


def notes_of(rated: Rated, good: np.ndarray, drawn: Simulated) -> list[str]:
    """What a user should know about the log, one sentence each."""
    share = rated.good.mean()
    found = [
        *rated.notes,
        f"good: the {int(rated.good.sum())} of {len(rated)} answers ({100 * share:.1f} %) with a rating above {rated.threshold:g}",
    ]
    if drawn.selected is not None:
        at_random, counts = drawn.selected.randomised, drawn.selected.truth
        parts = [("chosen by users", ~at_random), ("shown at random and labelled", at_random)]
        told = [f"{int(rows.sum())} {name} ({100 * good[rows].mean():.1f} % good)" for name, rows in parts if rows.any()]
        found.append(f"{len(good)} of {counts['offers']} offers are rows: {', '.join(told)}")
    return found
