"""The section on calibration: against known truth where a file of it was given, else against held-out observations."""

from __future__ import annotations

from typing import Any

from probrm.report.blocks import Block, Grid, Items, Paragraph, Picture, Section
from probrm.report.material import Material
from probrm.report.pictures import pictures
from probrm.report.words import inert, interval, number

TITLES = {
    "accuracy": "accuracy ↑",
    "auroc": "AUROC ↑",
    "nll": "NLL, nats ↓",
    "brier": "Brier score ↓",
    "ece": "calibration error ↓",
    "pair_accuracy": "pair accuracy within a prompt ↑",
    "coverage": "coverage of the 90 % interval (should be .9)",
    "accuracy_certain_half": "accuracy of the more certain half ↑",
    "certainty_auroc": "AUROC of certainty for being right ↑",
    "aurc": "area under risk–coverage ↓",
}


def calibration_section(material: Material) -> Section:
    """Section 6."""
    blocks = _against_truth(material) if material.truth else _against_actions(material)
    return Section("calibration", "Calibration and coverage", blocks=[*blocks, *pictures(material, "calibration")])


def _against_truth(material: Material) -> list[Block]:
    truth = material.truth
    assert truth is not None
    found, verdicts = truth.evaluation, truth.evaluation.verdicts()
    names = [name for name in found.metrics if not (name == "pair_accuracy" and "accuracy" in found.metrics)]
    columns = ["metric", f"{material.run.kind} model"]
    if found.baseline and material.run.baseline:
        columns += [f"{material.run.baseline[0].kind} model", "difference", "verdict"]
    rows = []
    for name in names:
        cells = [TITLES.get(name, name), _cell(found.metrics[name])]
        if len(columns) > 2:
            cells += [_cell(found.baseline.get(name)), _cell(found.difference.get(name)), verdicts.get(name) or ""]
        rows.append([inert(cell) for cell in cells])
    caption = f"{found.rows} {truth.unit} of {inert(truth.file)} with a known truth; [central 90 % bootstrap intervals]"
    blocks: list[Block] = [Grid(columns, rows, caption), Picture(_figure(material, names), "The same as a figure; lines are the intervals")]
    notes = [inert(note) for note in (*truth.notes, *found.notes)]
    return [*blocks, Items(notes)] if notes else blocks


def _cell(metric: Any) -> str:
    return "" if metric is None else f"{number(metric.value)} {interval(metric.low, metric.high)}"


def _figure(material: Material, names: list[str]) -> Any:
    import numpy as np
    from matplotlib.figure import Figure

    from probrm.report.theme import figure_markup

    assert material.truth is not None
    found = material.truth.evaluation
    shown = [name for name in names if ":" not in name]
    figure = Figure(figsize=(7, 0.9 + 0.42 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    sides = [(found.metrics, "#0072B2", "o", 0.12, material.run.kind)]
    if found.baseline and material.run.baseline:
        sides.append((found.baseline, "#D55E00", "s", -0.12, material.run.baseline[0].kind))
    for table, colour, marker, shift, label in sides:
        at = [i for i, name in enumerate(shown) if name in table]
        y = np.array([len(shown) - 1 - i + shift for i in at])
        metrics = [table[shown[i]] for i in at]
        axes.hlines(y, [m.low for m in metrics], [m.high for m in metrics], color=colour, lw=2)
        axes.plot([m.value for m in metrics], y, marker, color=colour, ls="", label=f"{label} model")
    axes.set_yticks(range(len(shown))[::-1], [TITLES.get(name, name) for name in shown])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="x", color="#D0D0D0", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure_markup(figure, "figure-truth", "Metrics of the model and of its baseline, with intervals")


def _against_actions(material: Material) -> list[Block]:
    observed = "choices" if material.recipe.unit == "pairs" else "actions"
    blocks: list[Block] = [
        Paragraph(
            f"No file with a known truth was given, so this is about the observed {observed} alone: whether what the model predicts happens as often as "
            f"it says. A model can predict {observed} well and still be wrong about what people like, if it explains them by the wrong part of itself; "
            "coverage of the intervals cannot be seen without truth. Give rows with a known truth with --data.",
            "quiet",
        )
    ]
    found = material.diagnostics
    ours = found.get("held_out_log_likelihood")
    if ours is not None and found.get("held_out_rows"):
        rows = [(f"{material.run.kind} model", number(ours, 4))]
        theirs = next((value for name, value in found.items() if name.endswith("_held_out_log_likelihood")), None)
        if theirs is not None and material.run.baseline:
            rows.append((f"{material.run.baseline[0].kind} model", number(theirs, 4)))
        blocks.append(
            Grid(
                ("", f"log-likelihood, nats a {material.recipe.unit.removesuffix('s')}"),
                rows,
                f"{number(found['held_out_rows'])} held-out {material.recipe.unit}",
            )
        )
    else:
        blocks.append(Paragraph("No rows were held out of the fit.", "quiet"))
    return blocks
