"""Caveats: a list made of what the run knows about itself, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from probrm.diagnostics.sampler import EFFECTIVE, R_HAT
from probrm.report.blocks import Paragraph, Section, Tone
from probrm.report.glance import baseline_score
from probrm.report.material import Material
from probrm.report.words import basename, inert, number

_FEW_LABELS, _FEW_HELD_OUT = 50, 100
_NOMINAL = 0.9


class Doubt(NamedTuple):
    """One caveat and what would help."""

    grave: bool
    text: str


def doubts(material: Material) -> list[Doubt]:
    """All of them, the grave ones first."""
    found = [doubt for source in (_inference, _held_out, _exposures, _identified, _truth, _inputs) for doubt in source(material)]
    return sorted(found, key=lambda doubt: not doubt.grave)


def doubts_section(material: Material) -> Section:
    """Section 9."""
    lead = "Made from what the run knows about itself. What is not listed has not been found to be wrong, which is not the same as right."
    tones: dict[bool, Tone] = {True: "bad", False: "warn"}
    return Section("doubts", "Caveats", lead, [Paragraph(inert(doubt.text), tones[doubt.grave]) for doubt in doubts(material)])


def _inference(material: Material) -> Iterator[Doubt]:
    found = material.approximation
    if found and found.get("verdict") == "bad":
        shown = number(found["k_hat"], 2) if found.get("k_hat") is not None else "∞"
        yield Doubt(
            True,
            f"The guide misses part of the joint posterior (Pareto k̂ {shown}, reliable up to {number(found.get('threshold'), 2)}): some intervals may be too narrow "
            "or too wide. Try --guide low-rank or full-rank, --inference nuts, or compare it with a referee: probrm posterior RUN --referee.",
        )
    if sampler := material.sampler:
        if sampler.divergences:
            yield Doubt(True, f"{sampler.divergences} of {sampler.draws} draws of NUTS diverged: parts of the posterior were not reached.")
        if sampler.r_hat > R_HAT:
            yield Doubt(True, f"The chains of NUTS do not agree (R̂ up to {number(sampler.r_hat)}, asked for is below {R_HAT}): run longer.")
        if sampler.ess_bulk < EFFECTIVE:
            yield Doubt(
                False, f"There are {sampler.ess_bulk:.0f} effective draws of some variable ({EFFECTIVE} are asked for): take more draws."
            )
        if sampler.chains == 1:
            yield Doubt(False, "There is one chain of NUTS: whether another one would have gone elsewhere is not known.")
    if material.trust.verdict == "no intervals":
        yield Doubt(True, "This is a point estimate: it says nothing about its own uncertainty.")
    elif not found and not material.sampler:
        yield Doubt(False, "How near the intervals come to the posterior was not measured in this fit.")
    elif found and found.get("verdict") != "bad" and material.trust.verdict != "yes":
        yield Doubt(False, f"Interval reliability: {material.trust}.")


def _exposures(material: Material) -> Iterator[Doubt]:
    found = material.run.metrics.get("exposures") or {}
    if found.get("verdict") not in (None, "complete"):
        yield Doubt(True, f"The exposures are {found['verdict']}: {found['why']}; {found['advice']}.")


def _held_out(material: Material) -> Iterator[Doubt]:
    found, unit = material.diagnostics, material.recipe.unit
    ours, theirs = found.get("held_out_log_likelihood"), baseline_score(material)
    if ours is not None and theirs is not None and ours < theirs and material.run.baseline:
        yield Doubt(
            True,
            f"Held-out {unit} are predicted worse than by the {material.run.baseline[0].kind} model ({number(ours, 4)} against {number(theirs, 4)} nats).",
        )
    held = found.get("held_out_rows", 0)
    if not held:
        yield Doubt(False, f"No {unit} were held out: nothing here has been tried on data that the fit has not seen.")
    elif held < _FEW_HELD_OUT:
        yield Doubt(False, f"Only {held} {unit} were held out: their log-likelihood is rough.")


def _identified(material: Material) -> Iterator[Doubt]:
    found = material.identifiability
    if (verdict := found.get("verdict")) and verdict != "identified":
        yield Doubt(
            verdict == "not identified", f"Verdict on identifiability: {verdict}. {'. '.join(map(str, found.get('reasons', [])[-1:]))}."
        )
    for note in found.get("notes", []):
        yield Doubt(False, str(note)[:1].upper() + str(note)[1:] + ".")
    if 0 < found.get("labels", 0) < _FEW_LABELS:
        yield Doubt(False, f"There are only {found['labels']} explicit labels.")
    yield from (Doubt(*doubt) for doubt in material.recipe.doubts(material.run))


def _truth(material: Material) -> Iterator[Doubt]:
    if material.truth is None:
        yield Doubt(False, "Rewards were not compared with a known truth in this report (--data FILE).")
        return
    found = material.truth.evaluation
    for name, verdict in found.verdicts().items():
        if verdict == "worse":
            yield Doubt(True, f"On {material.truth.file} {name} is worse than the baseline's: {_change(found.difference[name])}.")
    coverage = found.metrics.get("coverage")
    if coverage is not None and coverage.high < _NOMINAL:
        yield Doubt(
            True,
            f"The 90 % intervals hold the truth of {100 * coverage.value:.0f} % of the rows of {material.truth.file}: they do not know what encoder and "
            "covariates leave out.",
        )


def _change(metric: Any) -> str:
    return f"{number(metric.value)} [{number(metric.low)}, {number(metric.high)}]"


def _inputs(material: Material) -> Iterator[Doubt]:
    name = basename(str(material.run.record.get("encoder", {}).get("config", {}).get("name", "")))
    if name:
        yield Doubt(
            False,
            f"What the encoder ({name}) does not see of a text is in no interval"
            + (": the default one knows topics better than quality." if name == "default" else "."),
        )
    yield Doubt(False, "Intervals are those of the model: a covariate that is missing from the file is in none of them.")
    for line in material.missing:
        yield Doubt(False, f"Missing from this report: {line}.")
