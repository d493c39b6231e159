"""Several runs compared on the same rows of a file with a known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probrm.encoders import Encoder
from probrm.errors import ConfigError, DataError
from probrm.progress import Progress, silent
from probrm.recipes.metric_rows import STANDARD, metric_rows
from probrm.runs import Run, find_recipe

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation


def kind_of_data(kind: str) -> str:
    """``log`` or ``pairs``: what the model called ``kind`` is fitted to.

    Raises:
        ConfigError: an unknown model, or one whose recipe does not say.
    """
    if data := find_recipe(kind).fitted_to:
        return data
    raise ConfigError(
        f"{kind}: a model of another package, which cannot be compared", fix="evaluate each run: probrm evaluate RUN --data FILE"
    )


def compare_runs(
    runs: dict[str, Run],
    source: str,
    specs: dict[str, Any],
    *,
    embeddings: str | Encoder | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    metrics: str = STANDARD,
    progress: Progress = silent,
) -> tuple[dict[str, Evaluation], list[str]]:
    """Every run against the truth in one file, on the same resamples, with differences to the first; and notes.

    Args:
        runs: by name, all fitted to logs or all to pairs.
        source: the file.
        specs: how each run reads it.
        embeddings: a store of vectors instead of the runs' encoders.
        bootstrap: resamples behind the intervals.
        seed: of the bootstrap.
        metrics: which, see ``metric_rows``.
        progress: shows encoding and resamples.

    Raises:
        ConfigError: unknown metrics, or such as a run does not have.
        DataError: the file cannot be used, or runs read other rows of it.
        EncoderError: a run's encoder cannot be loaded.
    """
    found: dict[str, Any] = {}
    for name, run in runs.items():
        kind_of_data(run.kind)
        try:
            found[name] = metric_rows(metrics, run, source, specs[name], embeddings=embeddings, progress=progress)
        except ConfigError as error:
            error.what = f"{name}: {error.what}"
            raise
    (first, base), *others = found.items()
    for name, one in others:
        if not np.array_equal(one.rows, base.rows):
            raise DataError(
                f"{source}: {first} reads {len(base.rows)} of its rows and {name} {len(one.rows)}, which are not the same",
                fix="say what the file's columns are for all of them: --columns prompt=…,response=…",
            )
    notes = list(dict.fromkeys(f"{name}: {note}" for name, one in found.items() for note in one.notes))
    result = {
        name: one.evaluate(base if one is not base else None, bootstrap=bootstrap, seed=seed, progress=progress)
        for name, one in found.items()
    }
    return result, notes + result[first].notes
