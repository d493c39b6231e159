"""The section on identifiability: the verdict in sentences, then what the fit has noted down; a model shows its own tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.report.blocks import Block, Facts, Heading, Items, Paragraph, Section, Tone
from probrm.report.material import Material
from probrm.report.pictures import pictures
from probrm.report.words import inert, number, spaced

_TOLD = {"verdict", "reasons", "notes", "named", "varied"}
_TONES: dict[str, Tone] = {"identified": "good", "not identified": "bad"}
_MEANING = {
    "identified": "Rewards and probabilities can be used as they are.",
    "up to scale": "The ranking is reliable. The base rate is known only within a range, where the prior determines it.",
    "ranking only": "The ranking is reliable if users act equally readily on all answers. Probabilities are not.",
    "not identified": "Two rewards that rank answers differently explain the data equally well, or labels contradict the rewards.",
}


def identifiability_section(material: Material) -> Section | None:
    """Section 7; None where the run says nothing about it."""
    found = material.identifiability
    drawn = pictures(material, "identifiability")
    if not found and not drawn:
        return None
    blocks: list[Block] = []
    if verdict := found.get("verdict"):
        blocks.append(Paragraph(f"Verdict: {verdict}. {_MEANING.get(verdict, '')}".strip(), _TONES.get(verdict, "warn")))
    if reasons := found.get("reasons"):
        blocks += [Paragraph("It rests on:"), Items([inert(str(line)) for line in reasons])]
    if notes := found.get("notes"):
        blocks += [Paragraph("Notes:"), Items([inert(str(line)) for line in notes])]
    blocks += drawn
    parts = material.recipe.identifiability_blocks()
    for name, tell in parts.items():
        if found.get(name):
            blocks += tell(found[name])
    rest = [(spaced(name), _shown(value)) for name, value in found.items() if name not in _TOLD | parts.keys() and _plain(value)]
    if rest:
        blocks += [Heading("Counts"), Facts(rest)]
    return Section("identifiability", "Identifiability", blocks=blocks)


def _plain(value: Any) -> bool:
    return (
        value is not None
        and not isinstance(value, Mapping)
        and not (isinstance(value, list) and any(isinstance(one, Mapping) for one in value))
    )


def _shown(value: Any) -> str:
    return inert(", ".join(map(str, value)) or "none") if isinstance(value, list) else inert(number(value))
