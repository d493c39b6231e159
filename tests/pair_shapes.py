"""One set of pairs, written in every shape in which pairs are published or kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """One pair: what was asked, both answers as they were shown, and which of them is better.

    Attributes:
        prompt: what was asked.
        first: the answer that was shown first.
        second: the other one.
        better: 0 or 1.
    """

    prompt: str
    first: str
    second: str
    better: int

    @property
    def chosen(self) -> str:
        return (self.first, self.second)[self.better]

    @property
    def rejected(self) -> str:
        return (self.second, self.first)[self.better]


PAIRS = [
    Truth(f"What is {i} + {i}?", *((f"It is {2 * i}.", f"I forgot {i}.")[:: 1 if i % 3 else -1]), better=int(i % 3 == 0)) for i in range(30)
]


def read_as(pairs: Any) -> list[tuple[str, str, str]]:
    """What was read, in the order of ``expected``."""
    return sorted((c.prompt_text, c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True))


def expected(truths: list[Truth] = PAIRS) -> list[tuple[str, str, str]]:
    """What every shape must give."""
    return sorted((t.prompt, t.chosen, t.rejected) for t in truths)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def parts(message: dict[str, str]) -> dict[str, Any]:
    return {"role": message["role"], "content": [{"type": "text", "text": message["content"]}]}


def two(t: Truth, first: str, second: str, **more: Any) -> Row:
    return {"prompt": t.prompt, first: t.first, second: t.second, **more}


def tree(t: Truth) -> Row:
    def reply(i: int) -> Row:
        return {
            "message_id": f"{t.prompt}/{i}",
            "text": (t.first, t.second)[i],
            "role": "assistant",
            "rank": int(i != t.better),
            "replies": [],
        }

    root = {"message_id": t.prompt, "text": t.prompt, "role": "prompter", "replies": [reply(0), reply(1)]}
    return {"message_tree_id": t.prompt, "tree_state": "ready_for_export", "prompt": root}


def tree_messages(t: Truth) -> list[Row]:
    root = tree(t)["prompt"]
    rows = [{**root, "parent_id": None, "rank": None}, *({**reply, "parent_id": t.prompt} for reply in root["replies"])]
    return [{key: row[key] for key in ("message_id", "parent_id", "text", "role", "rank")} for row in rows]


def fastchat_state(t: Truth, answer: str) -> Row:
    return {"conv_id": t.prompt, "offset": 0, "messages": [["USER", t.prompt], ["ASSISTANT", answer]], "model_name": "m"}


def rated(t: Truth, name: str, better: float, worse: float, **more: Any) -> list[Row]:
    return [
        {"prompt": t.prompt, "response": answer, name: better if i == t.better else worse, **more}
        for i, answer in enumerate((t.first, t.second))
    ]


def prism(t: Truth) -> Row:
    said = [{"turn": 0, "role": "user", "content": t.prompt, "score": None, "if_chosen": None}]
    said += [
        {"turn": 0, "role": "model", "content": answer, "score": 90 if i == t.better else 9, "if_chosen": i == t.better}
        for i, answer in enumerate((t.first, t.second))
    ]
    return {"conversation_id": f"c{t.prompt}", "user_id": "u1", "opening_prompt": t.prompt, "conversation_history": said}


@dataclass(frozen=True)
class Shape:
    """How pairs are written.

    Attributes:
        rows: of one pair, one row or several.
        spec: how they are read, where the file does not say it.
        preset: what they are recognised as.
    """

    rows: Callable[[Truth], Row | list[Row]]
    spec: dict[str, Any] = field(default_factory=dict)
    preset: str = "pairs"


def choices(first: str, second: str, name: str, values: tuple[Any, Any], **spec: Any) -> Shape:
    """Two answers, and a column that says which is better."""
    return Shape(lambda t: two(t, first, second, **{name: values[t.better]}), spec, "side-by-side")


SHAPES: dict[str, Shape] = {
    "texts": Shape(lambda t: {"prompt": t.prompt, "chosen": t.chosen, "rejected": t.rejected}),
    "chats": Shape(lambda t: {"prompt": [user(t.prompt)], "chosen": [assistant(t.chosen)], "rejected": [assistant(t.rejected)]}),
    "chats with the prompt": Shape(
        lambda t: {"chosen": [user(t.prompt), assistant(t.chosen)], "rejected": [user(t.prompt), assistant(t.rejected)]}
    ),
    "content parts": Shape(
        lambda t: {"prompt": [parts(user(t.prompt))], "chosen": [parts(assistant(t.chosen))], "rejected": [parts(assistant(t.rejected))]}
    ),
    "content parts in some rows": Shape(
        lambda t: {
            "prompt": t.prompt,
            "chosen": [parts(assistant(t.chosen)) if t.better else assistant(t.chosen)],
            "rejected": [assistant(t.rejected)] if t.better else t.rejected,
        }
    ),
    "JSON text": Shape(
        lambda t: {"prompt": t.prompt, "chosen": json.dumps([assistant(t.chosen)]), "rejected": json.dumps([parts(assistant(t.rejected))])}
    ),
    "one message": Shape(lambda t: {"prompt": t.prompt, "chosen": assistant(t.chosen), "rejected": assistant(t.rejected)}),
    "lists of one text": Shape(lambda t: {"prompt": t.prompt, "chosen": [t.chosen], "rejected": [t.rejected]}),
    "hh-rlhf": Shape(lambda t: {s: f"\n\nHuman: {t.prompt}\n\nAssistant: {getattr(t, s)}" for s in ("chosen", "rejected")}),
    "ultrafeedback-binarized": Shape(
        lambda t: {"prompt": t.prompt, "chosen": t.chosen, "rejected": t.rejected, "score_chosen": 8.5, "score_rejected": 3.0},
        preset="ultrafeedback-binarized",
    ),
    "sharegpt": Shape(
        lambda t: {
            "conversations": [{"from": "human", "value": t.prompt}],
            "chosen": {"from": "gpt", "value": t.chosen},
            "rejected": {"from": "gpt", "value": t.rejected},
        },
        preset="sharegpt",
    ),
    "ultrainteract": Shape(
        lambda t: {"trajectory": [{"from": "user", "value": t.prompt}], "chosen": t.chosen, "rejected": t.rejected}, preset="ultrainteract"
    ),
    "safe-rlhf": Shape(lambda t: two(t, "response_0", "response_1", better_response_id=t.better), preset="safe-rlhf"),
    "a and b": choices("response_a", "response_b", "winner", ("a", "b")),
    "A and B": choices("answer_A", "answer_B", "preference", ("A", "B")),
    "left and right": choices("output_left", "output_right", "choice", ("left", "right")),
    "model_a and model_b": choices("response_a", "response_b", "winner", ("model_a", "model_b")),
    "1 and 2": choices("response_1", "response_2", "preference", (1, 2)),
    "numbers from 0": choices("response_0", "response_1", "choice", (0, 1)),
    "bare letters": choices("a", "b", "better", ("A", "B")),
    "degrees": choices("response_a", "response_b", "preference", ("A is much better", "B is slightly better")),
    "names of models": Shape(
        lambda t: two(t, "response_a", "response_b", model_a="gpt-2", model_b="gpt-1", winner=("gpt-2", "gpt-1")[t.better]),
        {},
        "side-by-side",
    ),
    "names of columns": choices("Answer1", "Answer2", "chosen", ("Answer1", "Answer2")),
    "words and numbers": choices("response_a", "response_b", "label", ("model 1", "model 2")),
    "signed": choices("response_a", "response_b", "preference", (-3, 2)),
    "declared": choices("response_a", "response_b", "label", (1, 0), choices={"first": "1", "second": "0"}),
    "declared sign": choices("response_a", "response_b", "label", (1, -1), choices={"first": "positive", "second": "negative"}),
    "one-hot": Shape(lambda t: two(t, "output_a", "output_b", a_wins=int(t.better == 0), b_wins=int(t.better == 1)), {}, "side-by-side"),
    "scores of both": Shape(
        lambda t: two(t, "completion_1", "completion_2", score_1=1.0 - t.better, score_2=float(t.better)), {}, "side-by-side"
    ),
    "arena": Shape(
        lambda t: {
            "model_a": "m",
            "model_b": "n",
            "winner": ("model_a", "model_b")[t.better],
            "judge": "j",
            "conversation_a": [user(t.prompt), assistant(t.first)],
            "conversation_b": [user(t.prompt), assistant(t.second)],
        },
        preset="arena",
    ),
    "arena-kaggle": Shape(
        lambda t: {
            "id": t.prompt,
            "prompt": json.dumps([t.prompt]),
            "response_a": json.dumps([t.first]),
            "response_b": json.dumps([t.second]),
            "winner_model_a": int(t.better == 0),
            "winner_model_b": int(t.better == 1),
            "winner_tie": 0,
        },
        preset="arena-kaggle",
    ),
    "arena-votes": Shape(
        lambda t: {
            "type": ("leftvote", "rightvote")[t.better],
            "models": ["m", "n"],
            "states": [fastchat_state(t, t.first), fastchat_state(t, t.second)],
            "ip": "10.0.0.1",
        },
        preset="arena-votes",
    ),
    "shp": Shape(
        lambda t: {
            "history": t.prompt,
            "human_ref_A": t.first,
            "human_ref_B": t.second,
            "labels": 1 - t.better,
            "score_A": 9 - 5 * t.better,
            "score_B": 4 + 5 * t.better,
            "domain": "askscience",
        },
        preset="shp",
    ),
    "webgpt": Shape(
        lambda t: {
            "question": {"dataset": "eli5", "id": t.prompt, "full_text": t.prompt},
            "answer_0": t.first,
            "answer_1": t.second,
            "score_0": 0.5 - t.better,
            "score_1": t.better - 0.5,
        },
        preset="webgpt",
    ),
    "summarize-from-feedback": Shape(
        lambda t: {
            "info": {"id": t.prompt, "post": t.prompt, "article": None},
            "summaries": [{"text": t.first, "policy": "p"}, {"text": t.second, "policy": "q"}],
            "choice": t.better,
            "worker": "w",
        },
        preset="summarize-from-feedback",
    ),
    "helpsteer3": Shape(
        lambda t: {
            "domain": "general",
            "context": [user(t.prompt)],
            "response1": t.first,
            "response2": t.second,
            "overall_preference": (-2, 3)[t.better],
        },
        preset="helpsteer3",
    ),
    "helpsteer2-preference": Shape(
        lambda t: two(t, "response_1", "response_2", preference_strength=(-1, 1)[t.better]), preset="helpsteer2-preference"
    ),
    "pandalm": Shape(
        lambda t: {
            "instruction": t.prompt,
            "input": "",
            "response1": t.first,
            "response2": t.second,
            "annotator1": 1 + t.better,
            "annotator2": 0,
            "annotator3": 1 + t.better,
        },
        preset="pandalm",
    ),
    "auto-j": Shape(
        lambda t: {"scenario": "math", "prompt": t.prompt, "response 1": t.first, "response 2": t.second, "label": t.better},
        preset="auto-j",
    ),
    "llmbar": Shape(lambda t: {"input": t.prompt, "output_1": t.first, "output_2": t.second, "label": 1 + t.better}, preset="llmbar"),
    "ultrafeedback": Shape(
        lambda t: {
            "instruction": t.prompt,
            "completions": [
                {"response": answer, "overall_score": 8.0 if i == t.better else 2.0, "annotations": {"helpfulness": {"Rating": "4"}}}
                for i, answer in enumerate((t.first, t.second))
            ],
        },
        preset="ultrafeedback",
    ),
    "nectar": Shape(
        lambda t: {
            "prompt": f"\n\nHuman: {t.prompt}\n\nAssistant: ",
            "answers": [{"answer": a, "model": "m", "rank": 1.0 if i == t.better else 2.0} for i, a in enumerate((t.first, t.second))],
            "num_responses": 2,
        },
        preset="nectar",
    ),
    "scores": Shape(lambda t: rated(t, "score", 4.0, 1.0, n_tokens=7), preset="helpsteer"),
    "ranks": Shape(lambda t: rated(t, "rank", 1, 2, latency_ms=1000), preset="helpsteer"),
    "a reversed attribute": Shape(lambda t: rated(t, "toxicity", 0.1, 0.8), {"attributes": ("-toxicity",)}, "helpsteer"),
    "lists of answers and of scores": Shape(
        lambda t: {"prompt": t.prompt, "responses": [t.first, t.second], "scores": [2.0 - t.better, 1.0 + t.better], "source": "s"},
        preset="helpsteer",
    ),
    "lists of answers and of ranks": Shape(
        lambda t: {"question": t.prompt, "candidates": [t.first, t.second], "ranks": [1 + t.better, 2 - t.better]},
        {"columns": {"prompt": "question"}},
        "helpsteer",
    ),
    "named lists": Shape(
        lambda t: {"id": t.prompt, "prompt": t.prompt, "said": [t.first, t.second], "points": [3 - 2 * t.better, 1 + 2 * t.better]},
        {"columns": {"response": "said", "overall": "points"}},
        "helpsteer",
    ),
    "oasst-trees": Shape(tree, preset="oasst-trees"),
    "oasst-messages": Shape(tree_messages, preset="oasst-messages"),
    "prism": Shape(
        lambda t: [
            {
                "utterance_id": f"{t.prompt}{i}",
                "interaction_id": t.prompt,
                "user_id": "u1",
                "user_prompt": t.prompt,
                "model_response": answer,
                "score": 80 if i == t.better else 20,
                "if_chosen": i == t.better,
            }
            for i, answer in enumerate((t.first, t.second))
        ],
        preset="prism",
    ),
    "prism-conversations": Shape(prism, preset="prism-conversations"),
}


def write_rows(rows: list[Row], path: Path) -> str:
    """JSON lines, compressed if the name says so."""
    text = "\n".join(json.dumps(row) for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def rows_of(shape: Shape, truths: list[Truth] = PAIRS) -> list[Row]:
    """All rows of a file."""
    return [row for truth in truths for made in [shape.rows(truth)] for row in (made if isinstance(made, list) else [made])]
