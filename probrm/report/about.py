"""Sections on what went in: the data and the model."""

from __future__ import annotations

import json
from typing import Any

from probrm.errors import ProbrmError
from probrm.report.blocks import Block, Code, Facts, Fold, Grid, Items, Paragraph, Picture, Section
from probrm.report.material import Material
from probrm.report.words import basename, inert, number, without_paths

_LISTED = 40


def data_section(material: Material) -> Section:
    """Section 2."""
    run, data = material.run, material.run.record["data"]
    unit, held = material.recipe.unit, material.diagnostics.get("held_out_rows", 0)
    facts = [("file", inert(basename(data["source"])) or "given in code"), (unit, number(data["rows"]))]
    if data.get("sha256"):
        facts.append(("SHA-256", data["sha256"]))
    facts.append((f"held-out {unit}", f"{number(held)} ({100 * held / max(1, data['rows']):.0f} %)" if held else "none"))
    coords = run.model.coords()
    for name, dims in run.model.dims().items():
        if name in run.draws and dims and name.endswith("effects"):
            facts.append((name.replace("_", " ").replace("effects", "covariates"), _listed(coords.get(dims[-1], []))))
    if "user" in coords:
        facts.append(("users", number(len(coords["user"]))))
    if exposures := run.metrics.get("exposures"):
        facts.append(
            ("exposures", f"{exposures['verdict']}: {number(exposures['rows'])} answers shown, {number(exposures['acted'])} with an action")
        )
    encoder = run.record.get("encoder", {})
    if encoder:
        name = basename(str(encoder.get("config", {}).get("name", "")))
        layer = encoder.get("config", {}).get("layer", "last")
        at = "" if encoder.get("embeddings") else f", layer {layer}"  # a store does not say
        facts.append(("text encoder", f"{name}{at}, {encoder.get('dim')} numbers a text"))
    facts.append(("columns of the file", _listed(data.get("columns", []))))
    blocks: list[Block] = [Facts([(inert(name), inert(value)) for name, value in facts])]
    notes = [inert(without_paths(run, note)) for note in run.record.get("notes", [])]
    told = set(material.identifiability.get("notes", []))  # they have a section of their own
    if notes := [note for note in notes if note not in told]:
        blocks += [Paragraph("Notes of the fit:"), Items(notes)]
    return Section("data", "What data", blocks=blocks)


def _listed(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:_LISTED]) + (f", … ({len(names) - _LISTED} more)" if len(names) > _LISTED else "") or "none"


def model_section(material: Material) -> Section:
    """Section 3: the graph, its sites, all settings."""
    if material.rows is None:
        why = "The graph of the model is missing: it is read off one row, and the fitted rows could not be read again."
        blocks: list[Block] = [Paragraph(why, "quiet")]
    else:
        blocks = _graph(material)
    settings = json.loads(without_paths(material.run, json.dumps(material.run.config)))
    blocks.append(Fold("All settings", [Code(inert(json.dumps(settings, indent=1, ensure_ascii=False)))]))
    return Section("model", "What model", blocks=blocks)


def _graph(material: Material) -> list[Block]:
    from probrm.report.graph_svg import graph_markup
    from probrm.report.structure import structure

    assert material.rows is not None
    try:
        graph = structure(material.run.model, material.rows.batch)
        markup = graph_markup(graph, len(material.rows.batch))
    except (ProbrmError, RuntimeError, ValueError, NotImplementedError, KeyError) as error:  # a third party's model may do anything
        reason = inert(next(iter(str(error).splitlines()), type(error).__name__))
        return [Paragraph(f"The graph of the model could not be drawn: {reason}", "quiet")]
    caption = (
        "The generative process. Round: unknown, with its prior; shaded: observed; the frame holds what each row has of its own. "
        "f(…) is a function of what stands in it."
    )
    rows = [
        (node.name, node.distribution, node.dims or "one number", "observed" if node.observed else "each row" if node.plate else "global")
        for node in graph.nodes
    ]
    table = Grid(("site", "distribution", "size", ""), [[inert(cell) for cell in row] for row in rows], words=True)
    return [Picture(markup, caption, wide=True), Fold("The same as a table", [table])]
