"""The forms in which preference pairs are published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

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
    "score_0": ("score_a", "score_1"),
    "score_1": ("score_b", "score_2"),
    "choice": ("better_response_id", "safer_response_id", "winner", "preference"),
    "group": ("parent_id", "interaction_id"),
}
"""The names that columns of pairs have natively, with what else they are often called (only used in hints)."""


@dataclass(frozen=True)
class Form:
    """One form of file.

    Attributes:
        columns: native name → what the published file calls it: a column, a path such as ``info.post`` or ``summaries[0].text``,
            ``a|b`` where it has one of two, ``a+b`` where a second text may follow. A file has the form if it has all of them.
        about: the form in a few words, for messages.
        reader: what a row is: a pair, a rated response, or a prompt with a list of rated responses.
        optional: native name → column, where there is one.
        choices: what the values of ``choice`` mean, see ``read_choice``; empty: understood from the values.
        fields: of a list of rated responses, what its fields are called: ``response`` and ``overall``.
        reshape: the name of the function that makes such columns of the published file, see ``reshaping.RESHAPES``.
        needs: what a file is recognised by, where that is not ``columns``.
        published: whether a file has the form only if its columns are called so; otherwise native names and named columns count too.
        alone: whether it is only read when it is named.
    """

    columns: Mapping[str, str]
    about: str
    reader: Literal["pair", "rated", "list"] = "pair"
    optional: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    reshape: str | None = None
    needs: tuple[str, ...] = ()
    published: bool = True
    alone: bool = False


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _sides(first: str, second: str, **more: str) -> dict[str, str]:
    return {"response_0": first, "response_1": second, **more}


_SIGNED = {"first": "negative", "second": "positive", "tie": "0"}

PRESETS: dict[str, Form] = {
    "ultrafeedback-binarized": Form(
        {**_same("prompt", "chosen", "rejected"), "chosen_score": "score_chosen", "rejected_score": "score_rejected"},
        "prompt, chosen, rejected, score_chosen, score_rejected",
        published=False,
    ),
    "safe-rlhf": Form(
        {**_same("prompt", "response_0", "response_1"), "choice": "better_response_id"},
        "prompt, response_0, response_1, better_response_id",
        choices={"first": "0", "second": "1"},
    ),
    "ultrafeedback": Form(
        {"prompt": "instruction", "completions": "completions"},
        "instruction, completions",
        reader="list",
        fields={"response": "response", "overall": "overall_score"},
        published=False,
    ),
    "nectar": Form(
        {"prompt": "prompt", "completions": "answers"},
        "prompt, answers [{answer, rank}]",
        reader="list",
        fields={"response": "answer", "overall": "rank"},
    ),
    "arena-kaggle": Form(
        _sides("response_a", "response_b", choice="winner_model_a"),
        "prompt, response_a, response_b, winner_model_a, winner_model_b, winner_tie",
        optional={"prompt": "prompt", "id": "id"},
        reshape="kaggle",
        needs=("prompt", "response_a", "response_b", "winner_model_a", "winner_model_b"),
    ),
    "arena": Form(
        _sides("conversation_a", "conversation_b", choice="winner"),
        "conversation_a, conversation_b, winner (model_a, model_b, tie, tie (bothbad))",
        optional={"user_id": "judge", "subset": "language"},
    ),
    "arena-votes": Form(
        _sides("conversation_a", "conversation_b", choice="winner"),
        "type (leftvote, rightvote, tievote, bothbad_vote), models, states",
        optional={"user_id": "judge"},
        reshape="votes",
        needs=("type", "models", "states"),
    ),
    "shp": Form(
        _sides("human_ref_A", "human_ref_B", prompt="history", choice="labels"),
        "history, human_ref_A, human_ref_B, labels (1: A)",
        optional={"score_0": "score_A", "score_1": "score_B", "subset": "domain"},
        choices={"first": "1", "second": "0"},
    ),
    "webgpt": Form(
        _sides("answer_0", "answer_1", prompt="question.full_text", score_0="score_0", score_1="score_1"),
        "question {full_text}, answer_0, answer_1, score_0, score_1",
        optional={"subset": "question.dataset"},
    ),
    "summarize-from-feedback": Form(
        _sides("summaries[0].text", "summaries[1].text", prompt="info.post|info.article", choice="choice"),
        "info {post or article}, summaries [{text}, {text}], choice (0: the first)",
        optional={"user_id": "worker"},
        choices={"first": "0", "second": "1"},
    ),
    "helpsteer3": Form(
        _sides("response1", "response2", prompt="context", choice="overall_preference"),
        "context, response1, response2, overall_preference (-3 to 3, below 0: the first)",
        optional={"subset": "domain"},
        choices=_SIGNED,
    ),
    "helpsteer2-preference": Form(
        _sides("response_1", "response_2", prompt="prompt", choice="preference_strength"),
        "prompt, response_1, response_2, preference_strength (-3 to 3, below 0: the first)",
        choices=_SIGNED,
    ),
    "pandalm": Form(
        _sides("response1", "response2", prompt="instruction+input", choice="majority of annotators"),
        "instruction, input, response1, response2, annotator1, annotator2, annotator3 (0: tie, 1, 2)",
        choices={"first": "1", "second": "2", "tie": "0"},
        reshape="pandalm",
        needs=("instruction", "response1", "response2", "annotator1"),
    ),
    "auto-j": Form(
        _sides("response 1", "response 2", prompt="prompt", choice="label"),
        "prompt, response 1, response 2, label (0, 1, 2: tie)",
        optional={"subset": "scenario"},
        choices={"first": "0", "second": "1", "tie": "2"},
    ),
    "llmbar": Form(
        _sides("output_1", "output_2", prompt="input", choice="label"),
        "input, output_1, output_2, label (1, 2)",
        choices={"first": "1", "second": "2"},
    ),
    "oasst-trees": Form(
        {"prompt": "prompt", "response": "response", "overall": "rank", "group": "parent_id"},
        "message_tree_id, prompt {text, role, replies [{text, rank, …}]}",
        reader="rated",
        optional={"id": "message_id"},
        reshape="trees",
        needs=("message_tree_id", "prompt"),
    ),
    "oasst-messages": Form(
        {"prompt": "prompt", "response": "response", "overall": "rank", "group": "parent_id"},
        "message_id, parent_id, text, role, rank",
        reader="rated",
        optional={"id": "message_id"},
        reshape="messages",
        needs=("message_id", "parent_id", "text", "role", "rank"),
    ),
    "prism": Form(
        {"prompt": "user_prompt", "response": "model_response", "overall": "score", "group": "interaction_id"},
        "interaction_id, user_prompt, model_response, score",
        reader="rated",
        optional={"user_id": "user_id", "id": "utterance_id"},
    ),
    "prism-conversations": Form(
        {"prompt": "prompt", "response": "response", "overall": "score", "group": "group"},
        "conversation_id, conversation_history [{turn, role, content, score}]",
        reader="rated",
        optional={"user_id": "user_id"},
        reshape="prism",
        needs=("conversation_id", "conversation_history"),
    ),
    "ultrainteract": Form({"prompt": "trajectory", **_same("chosen", "rejected")}, "trajectory, chosen, rejected"),
    "sharegpt": Form({"prompt": "conversations", **_same("chosen", "rejected")}, "conversations, chosen, rejected"),
    "rewardbench": Form(
        _same("prompt", "chosen", "rejected", "subset"),
        "prompt, chosen, rejected, chosen_model, rejected_model, subset",
        optional={"id": "id"},
        alone=True,
    ),
    "hh-rlhf": Form(_same("chosen", "rejected"), "chosen, rejected with Human: and Assistant: turns", published=False, alone=True),
    "trl": Form(_same("chosen", "rejected"), "chosen, rejected, with or without prompt", published=False),
    "side-by-side": Form(
        _sides("response_0", "response_1", choice="choice"),
        "two columns of answers and one that says which is preferred: response_a, response_b, winner",
        published=False,
        optional={"prompt": "prompt"},
    ),
    "helpsteer": Form(_same("prompt", "response"), "prompt, response and one numeric column an attribute", reader="rated", published=False),
}
"""What ``--preset`` can name, in the order in which they are tried when none is named.

Columns as published by: TRL (documentation, "Dataset formats and types"), HuggingFaceH4/ultrafeedback_binarized, openbmb/UltraFeedback
(arXiv 2310.01377), nvidia/HelpSteer2 (arXiv 2406.08673, 2410.01257) and HelpSteer3 (2505.11475), PKU-Alignment/PKU-SafeRLHF (2406.15513),
berkeley-nest/Nectar, lmsys/chatbot_arena_conversations, lmsys/lmsys-arena-human-preference-55k, lm-sys/FastChat, stanfordnlp/SHP
(2110.08420), openai/webgpt_comparisons (2112.09332), openai/summarize_from_feedback (2009.01325), PandaLM (2306.05087), Auto-J (2310.05470),
LLMBar (2310.07641), OpenAssistant/oasst1 (2304.07327), HannahRoseKirk/prism-alignment (2404.16019), openbmb/UltraInteract_pair (2404.02078),
allenai/reward-bench (2403.13787) and Anthropic/hh-rlhf (2204.05862). The native form, with its optional columns, is recognised as ``trl``
is; naming ``trl`` also cuts plain texts without turns where they part.
"""

TEXTS = ("prompt", "instruction", "input", "chosen", "rejected", "response", "response_0", "response_1", "response_a", "response_b")
IDS = ("id", "user_id", "subset")


def holds_pairs(names: Collection[str]) -> bool:
    """Whether columns of these names are those of pairs (or of all responses to a prompt) rather than of one response a row."""
    from probrm.data.pairs.side_by_side import side_by_side_columns

    return any(_has(names, form) for form in _PAIRED) or side_by_side_columns(names, {}) is not None


def holds_published_ratings(names: Collection[str]) -> bool:
    """Whether columns of these names are those of a published set of rated responses, one a row or in a tree."""
    return any(_has(names, form) for form in PRESETS.values() if form.reader == "rated" and form.published)


def _has(names: Collection[str], form: Form) -> bool:
    needed = form.needs or [path.split("|")[0].split(".")[0].split("[")[0].split("+")[0] for path in form.columns.values()]
    return set(needed) <= set(names)


_PAIRED = [form for form in PRESETS.values() if form.reader != "rated"]
