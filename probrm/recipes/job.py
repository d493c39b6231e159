"""A fit to be made: rows that are read, encoded and split; and the run that it becomes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from probrm.config import FitConfig
from probrm.data import Batch, Log, Pairs, split_rows
from probrm.data.files.opening import is_remote
from probrm.data.files.parts import is_glob
from probrm.encoders import Encoded
from probrm.inference import FitOptions, Fitted
from probrm.inference.device import resolve_device
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.progress import Progress, silent
from probrm.recipes.far_rows import fitted_reach
from probrm.recipes.provenance import approximation, chains_note, guide_note
from probrm.runs.run import Run
from probrm.runs.versions import versions


@dataclass(frozen=True)
class Job:
    """What a model is to be fitted to, and how.

    Attributes:
        config: all settings.
        rows: as read, n of them.
        inputs: how they become columns.
        data: all rows.
        held: positions of the rows that are held out, ascending; None without.
        encoded: the vectors.
        digest: hash of the file; None of a hub id.
        embeddings: the store of vectors, or the encoder, that was given.
        checkpoint: where training states are kept; None without.
        progress: shows the phases.
    """

    config: FitConfig
    rows: Log | Pairs
    inputs: Any
    data: Batch
    held: np.ndarray | None
    encoded: Encoded | None = None
    digest: str | None = None
    embeddings: object = None
    checkpoint: Checkpoint | None = None
    progress: Progress = silent

    @cached_property
    def train(self) -> Batch:
        """The rows that are not held out."""
        return self.data if self.held is None else self.data.subset(torch.from_numpy(np.delete(np.arange(len(self.data)), self.held)))

    @cached_property
    def held_out(self) -> Batch | None:
        """Rows that share no prompt (and no user) with ``train``; None without."""
        return None if self.held is None else self.data.subset(torch.from_numpy(self.held))

    @property
    def shape(self) -> Any:
        """Of the model's inputs."""
        return self.inputs.shape

    @property
    def device(self) -> str:
        """Resolved, for the fit."""
        return resolve_device(self.config.device, self.data.numbers)

    @property
    def options(self) -> FitOptions:
        """The settings of inference, as ``probrm.inference.fit`` takes them."""
        config = self.config
        return {
            "guide": config.guide,
            "inference": config.inference,
            "starts": config.starts,
            "seed": config.seed,
            "device": self.device,
            "checkpoint": self.checkpoint,
            "progress": self.progress,
        }

    @property
    def split(self) -> list[str]:
        """Ids of the held-out rows."""
        return [] if self.held is None else [str(i) for i in self.rows.row_id[self.held]]

    def run(self, kind: str, fitted: Fitted, baseline: Fitted | None, tables: dict[str, dict[str, Any]], notes: list[str]) -> Run:
        """The run of a fitted model.

        Args:
            kind: of the model.
            fitted: the model.
            baseline: fitted alongside.
            tables: of the run's metrics; ``diagnostics`` is completed here.
            notes: what is reported after those on data and encoder, and before those of ``identifiability``.
        """
        diagnostics = {
            "held_out_log_likelihood": fitted.held_out,
            "held_out_rows": 0 if self.held is None else len(self.held),
            "elbo": fitted.history.records[-1]["elbo"] if fitted.history.records else None,
            "steps": fitted.history.steps,
            **fitted_reach(self.data),
            **fitted.statistics,
            **approximation(fitted),
        }
        told = [*guide_note(self.config), *chains_note(fitted), *tables.get("identifiability", {}).get("notes", []), *notes]
        return Run(
            kind=kind,
            config=self.config.to_dict(),
            model=fitted.model,
            inputs=self.inputs,
            draws=fitted.draws,
            baseline=(baseline.model, baseline.draws) if baseline else None,
            record=self._record(told, fitted),
            metrics={**tables, "diagnostics": diagnostics | tables.get("diagnostics", {})},
            history={"records": fitted.history.records, "stages": fitted.history.stages},
            split=self.split,
            guide=dict(fitted.guide.state_dict()) if isinstance(fitted.guide, nn.Module) else {},
            sample_stats={name: value.numpy() for name, value in fitted.sample_stats.items()},
            chains=fitted.chains,
        )

    def _record(self, notes: list[str], fitted: Fitted) -> dict[str, Any]:
        """Where the fit comes from: its file, its vectors, what was reported of them."""
        rows, encoded = self.rows, self.encoded
        assert encoded is not None
        return {
            "data": {"source": _absolute(rows.source), "sha256": self.digest, "rows": len(rows), "columns": list(rows.table.column_names)},
            "notes": rows.notes + encoded.notes + notes,
            "encoder": {
                "key": encoded.key,
                "dim": encoded.vectors.shape[1],
                "embeddings": _absolute(self.embeddings),
                "config": asdict(encoded.config),
                **({"layers": encoded.layers} if encoded.layers else {}),
            },
            "versions": versions(),
            "seconds": dict(fitted.seconds),
        }


def held_out_rows(
    config: FitConfig, prompts: Sequence[str], users: Sequence[str] | None = None, whole: np.ndarray | None = None
) -> np.ndarray | None:
    """Positions of the rows that a fit with these settings holds out; None where it holds out none."""
    if not config.held_out > 0:
        return None
    return split_rows(prompts, users, whole, fraction=config.held_out, seed=config.seed).held_out


def _absolute(source: object) -> str | None:
    """A file is found again from any folder; a hub id stays what it is; an object of the caller's own leaves no trace."""
    if not isinstance(source, str):
        return None
    return os.path.abspath(source) if os.path.exists(source) or (is_glob(source) and not is_remote(source)) else source
