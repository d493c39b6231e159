"""What a run remembers of its fit, and how it finds the fitted file again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import nn

from probrm.config import FitConfig
from probrm.data import file_hash
from probrm.encoders import Encoded
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted
from probrm.runs.run import Run
from probrm.runs.versions import versions


def fit_record(
    *,
    source: str,
    digest: str | None,
    rows: int,
    columns: Sequence[str],
    notes: list[str],
    encoded: Encoded,
    embeddings: object,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """A run's ``record``.

    Args:
        source: the fitted file.
        digest: its hash; None of a hub id.
        rows: how many rows, or pairs, were fitted.
        columns: of the file.
        notes: on data, encoder and fit.
        encoded: the vectors.
        embeddings: the store that was given, if one was.
        seconds: by phase.
    """
    return {
        "data": {"source": _absolute(source), "sha256": digest, "rows": rows, "columns": list(columns)},
        "notes": notes,
        "encoder": {
            "key": encoded.key,
            "dim": encoded.vectors.shape[1],
            "embeddings": _absolute(embeddings),
            "config": asdict(encoded.config),
            **({"layers": encoded.layers} if encoded.layers else {}),
        },
        "versions": versions(),
        "seconds": dict(seconds),
    }


def approximation(fitted: Fitted) -> dict[str, Any]:
    """How good the guide is, ``{"approximation": {…}}`` for a run's diagnostics; nothing of a sampler or a point."""
    if "log_guide" not in fitted.sample_stats:
        return {}
    from probrm.diagnostics.approximation import assess  # ArviZ: two seconds

    return {"approximation": assess(fitted.sample_stats["log_density"], fitted.sample_stats["log_guide"]).to_dict()}


def posterior_of(fitted: Fitted) -> dict[str, Any]:
    """What of a fit goes into a run as it is: arguments of ``Run``."""
    return {
        "model": fitted.model,
        "draws": fitted.draws,
        "sample_stats": {name: value.numpy() for name, value in fitted.sample_stats.items()},
        "chains": fitted.chains,
        "history": {"records": fitted.history.records, "stages": fitted.history.stages},
        "guide": dict(fitted.guide.state_dict()) if isinstance(fitted.guide, nn.Module) else {},
    }


def guide_note(config: FitConfig) -> list[str]:
    """A line where a guide was named that the inference has no use for."""
    if config.inference.name == "svi" or config.guide.name == "auto-normal":
        return []
    return [f"inference {config.inference.name} has no guide to choose: guide {config.guide.name} is not used"]


def fitted_source(run: Run) -> str:
    """The file that the run was fitted on.

    Raises:
        DataError: it is not there any more, or it has changed.
    """
    source = run.record["data"]["source"]
    if file_hash(source) != run.record["data"]["sha256"]:
        raise DataError(f"{source}: the file has changed or moved since the fit", fix="restore it, or fit again")
    return source


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


def _absolute(source: object) -> str | None:
    """A file is found again from any folder; a hub id stays what it is; an object of the caller's own leaves no trace."""
    if not isinstance(source, str):
        return None
    return os.path.abspath(source) if os.path.exists(source) else source
