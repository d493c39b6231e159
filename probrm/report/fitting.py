"""Sections on what came out: training, posterior, identifiability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from probrm.report.blocks import Block, Facts, Grid, Paragraph, Section
from probrm.report.glance import TRUST
from probrm.report.material import Material
from probrm.report.pictures import pictures
from probrm.report.words import inert, interval, number, seconds, spaced

_LONG, _ENDS = 30, 5


def training_section(material: Material) -> Section:
    """Section 4."""
    run, found, trust = material.run, material.diagnostics, material.trust
    facts: list[tuple[str, str]] = [("inference", run.config["inference"]["name"])]
    if run.config["inference"]["name"] == "svi":
        facts.append(("guide", str(run.config["guide"]["name"])))
    facts.append(("draws", number(len(next(iter(run.draws.values()))))))
    if found.get("steps"):
        facts.append(("steps", number(found["steps"])))
    if found.get("elbo") is not None:
        facts.append((f"ELBO, nats a {material.recipe.unit.removesuffix('s')}", number(found["elbo"], 4)))
    if sampler := material.sampler:
        facts += [
            ("chains", number(sampler.chains)),
            ("divergent draws", number(sampler.divergences)),
            ("largest R̂", number(sampler.r_hat)),
            ("least effective draws, bulk and tails", f"{number(sampler.ess_bulk, 0)}, {number(sampler.ess_tail, 0)}"),
        ]
    facts += [(f"time: {spaced(phase)}", seconds(value)) for phase, value in run.record.get("seconds", {}).items()]
    if approximation := material.approximation:
        for name, title in (("kl", "KL(guide ‖ posterior), nats"), ("effective_draws", "effective number of draws")):
            if approximation.get(name) is not None:
                facts.append((title, number(approximation[name], 1)))
    blocks: list[Block] = [Paragraph(inert(f"Interval reliability: {trust}."), TRUST[trust.verdict]), Facts(facts)]
    if note := (material.approximation or {}).get("note"):
        blocks.append(Paragraph(f"Of the Pareto k̂: {note}.", "quiet"))
    return Section("training", "How training went", blocks=[*blocks, *pictures(material, "training")])


def learned_section(material: Material) -> Section:
    """Section 5: figures, then the table."""
    table = material.summary
    shown = [name for name, variable in table.items() if variable.mean.ndim == 0 or (variable.mean.ndim == 1 and "_weights" not in name)]
    rows = [row for name in shown for row in _entries(name, table[name])]
    blocks: list[Block] = [*pictures(material, "learned")]
    blocks.append(
        Grid(
            ("variable", "mean", "sd", "90 % interval"),
            rows,
            "Posterior mean, standard deviation and central 90 % interval (5 % of the draws on each side)",
        )
    )
    if hidden := [name for name in table if name not in shown]:
        blocks.append(Paragraph(f"Not in the table, because single entries mean little: {', '.join(hidden)}.", "quiet"))
    return Section("learned", "What was learned", blocks=blocks)


def _entries(name: str, variable: Any) -> Iterator[tuple[str, ...]]:
    if variable.mean.ndim == 0:
        yield name, number(float(variable.mean)), number(float(variable.sd)), interval(float(variable.low), float(variable.high))
        return
    axes = list(variable.coords.values()) or [[str(i) for i in range(n)] for n in variable.mean.shape]
    labels = [", ".join(names) for names in product(*axes)]
    order: Sequence[int] = range(len(labels))
    if len(order) > _LONG:
        order = sorted(order, key=lambda i: float(variable.mean[i]))
        order = [*order[:_ENDS], -1, *order[-_ENDS:]]
    for i in order:
        if i < 0:
            yield f"{name}: {number(len(labels) - 2 * _ENDS)} more between these", "", "", ""
            continue
        numbers = [float(part[i]) for part in (variable.mean, variable.sd, variable.low, variable.high)]
        yield inert(f"{name}[{labels[i]}]"), number(numbers[0]), number(numbers[1]), interval(numbers[2], numbers[3])
