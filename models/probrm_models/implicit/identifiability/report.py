"""The section on identifiability: sentences and small tables from what the fit has noted down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probrm.report.blocks import Block, Facts, Grid, Heading, Items, Paragraph, Section, Tone
from probrm.report.material import Material
from probrm.report.pictures import pictures
from probrm.report.words import inert, interval, number, spaced

_TOLD = {"verdict", "reasons", "notes", "named", "varied"}
_TONES: dict[str, Tone] = {"identified": "good", "not identified": "bad"}
_MEANING = {
    "identified": "Rewards and probabilities can be used as they are.",
    "up to scale": "The ranking can be trusted; how many answers are good is known within a range only, and the prior decides there.",
    "ranking only": "The ranking can be trusted if users act equally readily on all answers; probabilities cannot.",
    "not identified": "Two rewards that rank answers differently explain the data equally well, or labels contradict the rewards.",
}

_NARROWED = {
    "contraction": "narrowed from prior to posterior by",
    "label_contraction": "of which labels alone",
    "link_contraction": "the link's shape alone, which is no evidence",
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
    for name, tell in _PARTS.items():
        if found.get(name):
            blocks += tell(found[name])
    rest = [(spaced(name), _shown(value)) for name, value in found.items() if name not in _TOLD | _PARTS.keys() and _plain(value)]
    if rest:
        blocks += [Heading("Counts"), Facts(rest)]
    return Section("identifiability", "Can these data tell?", blocks=blocks)


def _plain(value: Any) -> bool:
    return (
        value is not None
        and not isinstance(value, Mapping)
        and not (isinstance(value, list) and any(isinstance(one, Mapping) for one in value))
    )


def _shown(value: Any) -> str:
    return inert(", ".join(map(str, value)) or "none") if isinstance(value, list) else inert(number(value))


def _level(level: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [Heading("Level of the probabilities"), Paragraph(inert(str(level.get("reason", ""))).capitalize() + ".")]
    rows = [
        (title, number(level[key]["mean"]), number(level[key]["sd"]))
        for key, title in (("prior", "prior"), ("posterior", "posterior"))
        if level.get(key)
    ]
    if rows:
        blocks.append(Grid(("share of preferred answers", "mean", "sd"), rows))
    facts = []
    if level.get("range"):
        facts.append(("allowed by the actions", interval(*level["range"])))
    for key, title in _NARROWED.items():
        if level.get(key) is not None:
            facts.append((title, f"{100 * level[key]:.0f} %"))
    return [*blocks, Facts(facts)] if facts else blocks


def _overlap(overlap: Mapping[str, Any]) -> list[Block]:
    return [
        Heading("Overlap"),
        Paragraph(
            f"Weighed by inverse propensity the rows are worth {number(overlap['effective_sample_size'], 0)} ({100 * overlap['share']:.0f} %). "
            f"The lowest propensity is {number(overlap['lowest'])}; {100 * overlap['share_below']:.1f} % of the rows are below {number(overlap['floor'], 2)}."
        ),
    ]


def _graph(graph: Mapping[str, Any]) -> list[Block]:
    parts = "one connected part" if graph["components"] == 1 else f"{graph['components']} parts without a link between them"
    return [
        Heading("Who saw what"),
        Paragraph(
            f"{number(graph['users'])} users and {number(graph['content'])} prompts form {parts}; the largest holds "
            f"{100 * graph['largest_share']:.0f} % of the rows. {number(graph['users_seen_often'])} users are seen {graph['often']} times or more; "
            f"{number(graph['users_alone'])} saw only prompts that nobody else saw."
        ),
    ]


def _checks(checks: Any) -> list[Block]:
    rows = [
        (
            inert(str(c["name"])),
            inert(str(c["group"])),
            number(c["observed"], 0),
            number(c["expected"], 1),
            number(c["z"], 1),
            number(c["p"]),
        )
        for c in checks
    ]
    columns = ("rows by", "group that departs most", "actions", "expected", "z", "p")
    return [
        Heading("Does the model repeat the log?"),
        Grid(columns, rows, "Posterior predictive checks of the number of actions in groups of rows; p adjusted by Holm"),
    ]


def _labels(found: Mapping[str, Any]) -> list[Block]:
    return [
        Heading("Explicit labels"),
        Paragraph(
            f"{number(found['labels'])} rows have a label; {number(found['observed'], 2)} of them are good, the fit expects {number(found['expected'], 2)} "
            f"(z = {number(found['z'], 1)}). AUROC of the rewards for the labels: {number(found.get('auroc'), 2)}."
        ),
    ]


def _modes(modes: Any) -> list[Block]:
    rows = [
        (str(i), number(m["behind"], 1), number(m["agreement"], 2), number(m["base_rate"], 2), number(m["hits"]), number(m["probability"]))
        for i, m in enumerate(modes, 1)
    ]
    columns = ("mode", "nats behind the best", "rank correlation with the first", "share preferred", "found", "probability")
    return [Heading("Modes that were found"), Grid(columns, rows)]


_PARTS: dict[str, Callable[[Any], list[Block]]] = {
    "level": _level,
    "modes": _modes,
    "label_disagreement": _labels,
    "overlap": _overlap,
    "graph": _graph,
    "checks": _checks,
}
