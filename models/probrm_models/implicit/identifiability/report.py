"""What the report says of an implicit run in particular: tables of its verdict, and caveats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probrm.report.blocks import Block, Facts, Grid, Heading, Paragraph
from probrm.report.words import inert, interval, number
from probrm.runs.run import Run

_NARROWED = {
    "contraction": "narrowed from prior to posterior by",
    "label_contraction": "of which labels alone",
    "link_contraction": "the link's shape alone, which is no evidence",
}
_FEW_LABELS, _POOR_OVERLAP, _UNLIKE = 50, 0.1, 1.5


def doubts(run: Run) -> list[tuple[bool, str]]:
    """About the level, the overlap and the users: whether it is grave, and a sentence."""
    told: list[tuple[bool, str]] = []
    found = run.metrics.get("identifiability", {})
    level, overlap = found.get("level") or {}, found.get("overlap") or {}
    if level.get("governed_by") == "saturation" and 0 <= found.get("labels", 0) < _FEW_LABELS:
        told.append((
            False,
            f"The share of preferred answers rests on the model's form in rows that are nearly always acted on, with {number(found.get('labels', 0))} labels to "
            f"check it: {_FEW_LABELS} labels on rows drawn at random would.",
        ))  # fmt: skip
    if overlap and overlap["share"] < _POOR_OVERLAP and not any("inverse propensities" in str(note) for note in found.get("notes", [])):
        told.append(
            (
                False,
                f"Propensities are uneven: effective sample size under inverse-propensity weighting: {number(overlap['effective_sample_size'], 0)}.",
            )
        )
    if (scale := run.draws.get("user_activity_scale")) is not None and (sd := float(scale.double().mean())) >= _UNLIKE:
        told.append((
            False,
            f"Users differ much in how readily they act (standard deviation {number(sd, 2)} in log-odds): what a new user's "
            "actions mean is uncertain.",
        ))  # fmt: skip
    return told


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
            f"Effective sample size under inverse-propensity weighting: {number(overlap['effective_sample_size'], 0)} ({100 * overlap['share']:.0f} %). "
            f"The lowest propensity is {number(overlap['lowest'])}; {100 * overlap['share_below']:.1f} % of the rows are below {number(overlap['floor'], 2)}."
        ),
    ]


def _graph(graph: Mapping[str, Any]) -> list[Block]:
    parts = "one connected part" if graph["components"] == 1 else f"{graph['components']} parts without a link between them"
    return [
        Heading("User–prompt overlap"),
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
        Heading("Posterior predictive checks"),
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


BLOCKS: Mapping[str, Callable[[Any], list[Block]]] = {
    "level": _level,
    "modes": _modes,
    "label_disagreement": _labels,
    "overlap": _overlap,
    "graph": _graph,
    "checks": _checks,
}
