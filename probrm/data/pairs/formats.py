"""The forms in which preference pairs are published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

PAIR_NATIVE = {
    "prompt": ("question", "query", "instruction", "input", "request", "context"),
    "chosen": ("chosen_response", "preferred", "winner", "better", "accepted", "response_chosen"),
    "rejected": ("rejected_response", "dispreferred", "loser", "worse", "response_rejected"),
    "response": ("answer", "output", "completion", "reply", "summary"),
    "overall": ("score", "rating", "overall_score"),
    "margin": ("difference", "score_difference", "strength"),
    "weight": ("weights",),
    "tie": ("is_tie", "tied"),
    "user_id": ("user", "worker", "annotator", "uid"),
    "subset": ("category", "source", "domain"),
    "id": ("row_id", "uuid"),
    "chosen_score": ("score_chosen",),
    "rejected_score": ("score_rejected",),
    "completions": ("responses", "generations"),
    "response_0": ("response_a", "response_1"),
    "response_1": ("response_b", "response_2"),
    "choice": ("better_response_id", "safer_response_id", "winner", "preference"),
}
"""The names that columns of pairs have natively, with what else they are often called (only used in hints)."""

OVERALL = ("overall", "overall_score", "score", "rating")
"""Columns that hold an overall rating, the first that is there; none of them is an attribute."""


@dataclass(frozen=True)
class Form:
    """One form of file. It is recognised by all of ``columns`` being there.

    Attributes:
        columns: native name → what the published file calls it.
        about: the form in a few words, for messages.
    """

    columns: Mapping[str, str]
    about: str


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


PRESETS: dict[str, Form] = {
    "ultrafeedback-binarized": Form(
        {**_same("prompt", "chosen", "rejected"), "chosen_score": "score_chosen", "rejected_score": "score_rejected"},
        "prompt, chosen, rejected, score_chosen, score_rejected",
    ),
    "safe-rlhf": Form(
        {**_same("prompt", "response_0", "response_1"), "choice": "better_response_id"},
        "prompt, response_0, response_1, better_response_id",
    ),
    "ultrafeedback": Form({"prompt": "instruction", "completions": "completions"}, "instruction, completions"),
    "trl": Form(_same("chosen", "rejected"), "chosen, rejected, with or without prompt"),
    "helpsteer": Form(_same("prompt", "response"), "prompt, response and one numeric column an attribute"),
}
"""What ``--preset`` can name, in the order in which they are tried when none is named.

TRL's preference sets (its documentation, page "Dataset formats and types"), HuggingFaceH4/ultrafeedback_binarized, openbmb/UltraFeedback
(arXiv 2310.01377), nvidia/HelpSteer2 (arXiv 2406.08673) and PKU-Alignment/PKU-SafeRLHF (arXiv 2406.15513). The native form, with its
optional columns, is recognised as ``trl`` is; naming ``trl`` also cuts plain texts without turns where they part.
"""

TEXTS = ("prompt", "instruction", "chosen", "rejected", "response", "response_0", "response_1")
IDS = ("id", "user_id", "subset")


def holds_pairs(names: Collection[str]) -> bool:
    """Whether columns of these names are those of pairs (or of all responses to a prompt) rather than of one response a row."""
    return any(set(form.columns.values()) <= set(names) for name, form in PRESETS.items() if name != "helpsteer")
