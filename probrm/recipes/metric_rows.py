"""What ``evaluate`` and ``compare`` look at, by the name that ``--metrics`` gives it."""

from __future__ import annotations

from typing import Any

from probrm.data.files.hints import check_known
from probrm.recipes.intervals import interval_rows
from probrm.recipes.length import length_rows
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

STANDARD = "standard"
METRICS = (STANDARD, "uncertainty", "length")


def metric_rows(metrics: str, run: Run, source: str, spec: Any, **how: Any) -> Any:
    """A file's rows with what a run says of them, ready to be evaluated; ``how`` may have ``embeddings``, ``baseline`` and ``progress``.

    Raises:
        ConfigError: unknown metrics, or such as the run does not have.
        DataError: the file cannot be used for them.
    """
    check_metrics(metrics)
    if metrics == STANDARD:
        return find_recipe(run.kind).truth_rows(run, source, spec, **how)
    return (interval_rows if metrics == "uncertainty" else length_rows)(run, source, spec, **how)


def check_metrics(metrics: str) -> None:
    """Refuses an unknown name.

    Raises:
        ConfigError: lists those there are.
    """
    check_known("--metrics", metrics, METRICS, STANDARD)
