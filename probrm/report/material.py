"""What a report is written from: the run, and what could be read again beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from probrm.diagnostics import SamplerQuality, Trust, sampler_quality
from probrm.diagnostics.trust import trust
from probrm.errors import ProbrmError
from probrm.posterior import Variable
from probrm.progress import Progress
from probrm.recipes.recipe import Recipe
from probrm.report.words import basename
from probrm.runs.fitted_rows import FittedRows, RowPredictions
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation


@dataclass(frozen=True)
class Truth:
    """An evaluation on a file with known truth.

    Attributes:
        file: its name.
        evaluation: metrics of the model and of its baseline.
        notes: on the file.
        unit: what it counts, ``rows`` or ``pairs``.
    """

    file: str
    evaluation: Evaluation
    notes: list[str]
    unit: str


@dataclass(frozen=True)
class Material:
    """All that sections are made of.

    Attributes:
        run: the fitted run.
        recipe: of its model.
        rows: the fitted rows, read again; None where that was not possible.
        predictions: the posterior of each of them.
        figures: of matplotlib, by name.
        truth: an evaluation; None where no file was given.
        missing: what could not be had, and why: a sentence each.
    """

    run: Run
    recipe: Recipe
    rows: FittedRows | None = None
    predictions: RowPredictions | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    truth: Truth | None = None
    missing: list[str] = field(default_factory=list)

    @cached_property
    def summary(self) -> dict[str, Variable]:
        """The posterior's table; of NUTS it takes a while."""
        return self.run.summary()

    @cached_property
    def trust(self) -> Trust:
        """Whether the intervals are those of the model's posterior."""
        return trust(self.run)

    @cached_property
    def sampler(self) -> SamplerQuality | None:
        """R̂, effective draws and divergences of a run of NUTS; None of any other."""
        diverging = self.run.sample_stats.get("diverging")
        return None if diverging is None else sampler_quality(self.summary, self.run.chains, diverging)

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Of the fit."""
        return self.run.metrics.get("diagnostics") or {}

    @property
    def identifiability(self) -> dict[str, Any]:
        """Of the model by these data."""
        return self.run.metrics.get("identifiability") or {}

    @property
    def approximation(self) -> dict[str, Any] | None:
        """How near the guide came to the posterior, where that was measured."""
        return self.diagnostics.get("approximation")


def gather(run: Run, recipe: Recipe, *, truth: Truth | None, progress: Progress) -> Material:
    """Reads the fitted rows again and draws the figures; what cannot be had is told, not raised."""
    missing: list[str] = []
    rows = predictions = None
    try:
        rows = recipe.fitted_rows(run, progress=progress)
        predictions = recipe.row_predictions(run, rows, progress=progress)
    except ProbrmError as error:
        lost = "texts of rows" if rows is not None else "graph of the model, figures of rows and texts of rows"
        missing.append(f"{lost}, because the fitted rows could not be read again ({_where(run, error)})")
    return Material(run, recipe, rows, predictions, recipe.figures(run, rows), truth, missing)


def _where(run: Run, error: ProbrmError) -> str:
    source = run.record["data"]["source"] or ""
    return error.what.replace(source, basename(source)) if source else error.what
