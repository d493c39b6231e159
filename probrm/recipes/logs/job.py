"""A log that a model is to be fitted to."""

from __future__ import annotations

from dataclasses import dataclass

from probrm.data import Log
from probrm.recipes.job import Job
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.shape import LogShape


@dataclass(frozen=True)
class LogJob(Job):
    """The ``Job`` of a model of logged actions."""

    rows: Log
    inputs: LogInputs

    @property
    def shape(self) -> LogShape:
        """Of the model's inputs."""
        return self.inputs.shape
