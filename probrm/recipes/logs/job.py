"""A log that is to be fitted: read, encoded, split; and the run that a fit to it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Log, file_hash, read_log, split_rows
from probrm.encoders import Encoded, Encoder, encode_all
from probrm.errors import ConfigError
from probrm.inference.device import resolve_device
from probrm.model import RewardModel
from probrm.progress import Progress
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.observed import observed_actions
from probrm.recipes.provenance import fit_record
from probrm.runs.run import Run


@dataclass(frozen=True)
class Logged:
    """A log as the models of logs take it.

    Attributes:
        log: as read.
        encoded: its vectors.
        embeddings: the store they are from, if one was named.
        inputs: how columns become tensors.
        data: all rows.
        held_out: positions of the rows that select: the same that ``fit implicit`` holds out for this seed; None without.
    """

    log: Log
    encoded: Encoded
    embeddings: object
    inputs: LogInputs
    data: Batch
    held_out: np.ndarray | None

    @classmethod
    def read(
        cls,
        source: str,
        config: FitConfig,
        embeddings: str | Encoder | None,
        progress: Progress,
        *,
        check: Callable[[Log], None] | None = None,
    ) -> Logged:
        """From a file.

        Args:
            source: the file.
            config: of the fit.
            embeddings: a store of its vectors, or an encoder.
            progress: shows the encoding.
            check: refuses, before anything is encoded, a log that the model cannot be fitted to; without it, one of several actions is.

        Raises:
            ConfigError: several actions were named, and the model does not check them.
            DataError: the file cannot be used.
            EncoderError: the encoder cannot be loaded.
        """
        if check is None and getattr(config.data, "actions", ()):
            raise ConfigError(
                "data.actions: the baselines know one action", fix="name it with --columns action=NAME, and leave --actions out"
            )
        log = read_log(source, config.data)
        if check is not None:
            check(log)
        device = resolve_device(config.device)  # before the long part, not after it
        observed = partial(observed_actions, log, log.conversations)
        encoded = encode_all(log.conversations, config.encoder, device=device, embeddings=embeddings, observed=observed, progress=progress)
        inputs = LogInputs.fit(log, encoded.vectors)
        held = None
        if config.held_out > 0:
            prompts = [c.prompt_text for c in log.conversations]
            users = None if log.user is None else list(log.user)
            held = split_rows(prompts, users, fraction=config.held_out, seed=config.seed).held_out
        return cls(log, encoded, embeddings, inputs, inputs.batch(log, encoded.vectors), held)

    def run(
        self,
        kind: str,
        config: FitConfig,
        model: RewardModel,
        draws: dict[str, Tensor],
        *,
        baseline: tuple[RewardModel, dict[str, Tensor]] | None,
        diagnostics: dict[str, Any],
        notes: list[str],
        seconds: Mapping[str, float],
    ) -> Run:
        """The run of a fitted model.

        Args:
            kind: of the model.
            config: of the fit.
            model: fitted.
            draws: its draws, ``(s, *shape)`` by site.
            baseline: what stands beside it.
            diagnostics: of the fit.
            notes: on the fit.
            seconds: by phase.
        """
        log = self.log
        labels = 0 if log.label is None else int(np.isfinite(log.label).sum())
        return Run(
            kind=kind,
            config=config.to_dict(),
            model=model,
            inputs=self.inputs,
            draws=draws,
            baseline=baseline,
            record=self.record(notes, seconds),
            metrics={
                "diagnostics": {"held_out_rows": 0 if self.held_out is None else len(self.held_out), **diagnostics},
                "identifiability": {"labels": labels, "notes": notes},
            },
            split=self.split,
        )

    def record(self, notes: list[str], seconds: Mapping[str, float]) -> dict[str, Any]:
        """Where a fit comes from: its file, its vectors, what was told of them."""
        log = self.log
        return fit_record(
            source=log.source,
            digest=file_hash(log.source),
            rows=len(log),
            columns=log.table.column_names,
            notes=log.notes + self.encoded.notes + notes,
            encoded=self.encoded,
            embeddings=self.embeddings,
            seconds=seconds,
        )

    @property
    def split(self) -> list[str]:
        """Ids of the held-out rows."""
        return [] if self.held_out is None else [str(i) for i in self.log.row_id[self.held_out]]

    @property
    def parts(self) -> tuple[Batch, Batch | None]:
        """The training rows, and those that are held out."""
        if self.held_out is None:
            return self.data, None
        rest = np.delete(np.arange(len(self.data)), self.held_out)
        return self.data.subset(torch.from_numpy(rest)), self.data.subset(torch.from_numpy(self.held_out))
