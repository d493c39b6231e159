"""What a run remembers of its fit, and how it finds the fitted file again."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from probrm.config import FitConfig
from probrm.data import file_hash
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted
from probrm.runs.places import nearby
from probrm.runs.run import Run

_FAR = 1.05
"""R̂ from which on a fit says that its chains have not met."""


def approximation(fitted: Fitted) -> dict[str, Any]:
    """How good the guide is, ``{"approximation": {…}}`` for a run's diagnostics; nothing of a sampler or a point."""
    if "log_guide" not in fitted.sample_stats:
        return {}
    from probrm.diagnostics.approximation import assess  # ArviZ: two seconds

    ratios = fitted.ratios or fitted.sample_stats
    return {"approximation": assess(ratios["log_density"], ratios["log_guide"]).to_dict()}


def guide_note(config: FitConfig) -> list[str]:
    """A line where a guide was named that the inference has no use for."""
    if config.inference.name == "svi" or config.guide.name == "auto-normal":
        return []
    return [f"inference {config.inference.name} has no guide to choose: guide {config.guide.name} is not used"]


def chains_note(fitted: Fitted) -> list[str]:
    """That the chains of a sampler have not come together, where they have not."""
    r_hat = fitted.statistics.get("max_r_hat")
    if r_hat is None or not r_hat > _FAR:
        return []
    return [f"the chains of NUTS do not agree (R̂ up to {r_hat:.2f}; below 1.01 is good): --set inference.warmup=1000 and more draws help"]


def fitted_source(run: Run) -> str:
    """The file that the run was fitted on.

    Raises:
        DataError: it is not there any more, it has changed, or it lies elsewhere: a run may be untrusted, and makes nobody fetch it.
    """
    source, digest = run.record["data"]["source"], run.record["data"]["sha256"]
    if source is None or digest is None:
        raise DataError(
            f"the rows of the fit lie at {source or 'no place that was recorded'}, and what a run names is never fetched",
            fix="save the data set as a file once, and fit to that file",
        )
    for place in nearby(source, run.path):
        if file_hash(place) == digest:
            return place
    raise DataError(
        f"{source}: the file has changed or moved since the fit", fix="restore it, or call the command in the folder that it is in now"
    )


def fitted_store(run: Run) -> str | None:
    """The store that the fit's vectors came from, if it was fitted with one; where it is not found, the place that the run names."""
    store = run.record["encoder"]["embeddings"]
    return None if store is None else next((place for place in nearby(store, run.path) if os.path.isfile(place)), store)


def position(row_id: np.ndarray, row: str, what: str) -> int:
    """Where the row called ``row`` stands among the ids of the fitted ``what`` (log, pairs).

    Raises:
        ConfigError: nowhere; shows what ids look like.
    """
    found = np.flatnonzero(row_id == row)
    if not len(found):
        raise ConfigError(
            f"--row {row}: the fitted {what} no such row; ids look like {', '.join(map(str, row_id[:3]))}", fix="give one of its ids"
        )
    return int(found[0])
