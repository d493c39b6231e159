"""A report, from a run to the bytes of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from probrm.progress import Progress, silent
from probrm.recipes.other_files import unit_of
from probrm.recipes.recipe import Recipe
from probrm.report.about import data_section, model_section
from probrm.report.blocks import Section
from probrm.report.doubts import doubts, doubts_section
from probrm.report.fitting import learned_section, training_section
from probrm.report.glance import glance, made_by
from probrm.report.identifiability import identifiability_section
from probrm.report.material import Material, Truth, gather
from probrm.report.render import render
from probrm.report.row_cards import rows_section
from probrm.report.truth import calibration_section
from probrm.report.words import basename, inert, number
from probrm.runs.run import Run
from probrm.runs.showing import showing


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        html: the file's content.
        sections: ids, in order.
        missing: what could not be had, and why.
        doubts: as the page lists them.
        trust: interval reliability.
    """

    html: bytes
    sections: list[str]
    missing: list[str]
    doubts: list[str]
    trust: str


def make_report(
    run: Run,
    recipe: Recipe,
    *,
    data: str | None = None,
    spec: Any = None,
    embeddings: Any = None,
    bootstrap: int = 1000,
    progress: Progress = silent,
) -> Report:
    """The report of a run; the run is not changed.

    Args:
        run: fitted.
        recipe: of its model.
        data: a file with known truth to compare it with.
        spec: how that file is read, from ``recipe.read_spec``.
        embeddings: a store of its vectors.
        bootstrap: resamples behind the intervals of that evaluation.
        progress: shows the long parts.

    Raises:
        DataError: the file of truth cannot be read, or has none.
        RunError: what the fit found was changed on disk.
    """
    truth = None
    if data is not None:
        found, notes = recipe.evaluate(run, data, spec, embeddings=embeddings, bootstrap=bootstrap, seed=0, progress=progress)
        truth = Truth(basename(data), found, notes, unit_of(spec, recipe.unit))
    with showing(run):
        return _made(gather(run, recipe, truth=truth, progress=progress))


def _made(material: Material) -> Report:
    run, recipe, sections = material.run, material.recipe, _sections(material)
    title = f"{run.kind}: {inert(basename(run.record['data']['source'])) or 'a fit'}"
    subtitle = f"What probrm learned from {number(run.record['data']['rows'])} {recipe.unit}"
    html = render(title, subtitle, made_by(material), sections).encode(errors="replace")
    told = [doubt.text for doubt in doubts(material)]
    return Report(html, [section.id for section in sections], material.missing, told, material.trust.verdict)


def _sections(material: Material) -> list[Section]:
    made = [
        glance(material),
        data_section(material),
        model_section(material),
        training_section(material),
        learned_section(material),
        calibration_section(material),
        identifiability_section(material),
        *material.recipe.report_sections(material.run),
        rows_section(material),
        doubts_section(material),
    ]
    return [section for section in made if section is not None]
