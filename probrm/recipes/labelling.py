"""The answers of a file whose explicit labels would teach most, as a table and as tasks for annotation tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from probrm.data.logs.labels import read_labels
from probrm.encoders import Encoder
from probrm.errors import ConfigError, DataError
from probrm.posterior import acquire
from probrm.progress import Progress, silent
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

QUESTION, YES, NO = "good", "yes", "no"
"""Of a task: what annotators are asked of an answer. ``--labels`` reads these words."""
TOOLS = ("argilla", "label-studio")
_MOST = 20_000
"""Answers that are looked at: draws of all of them are held at a time."""


@dataclass(frozen=True)
class Chosen:
    """Answers to be labelled, in order.

    Attributes:
        table: ``order`` (from 1), ``id``, ``prompt``, ``response``, ``probability`` that the answer is good, ``information`` that its label gives by
            itself and ``gain`` that it adds to those before it, nats.
        notes: on the data.
    """

    table: pa.Table
    notes: list[str]


def answers_to_label(
    runs: Sequence[Run], source: str, spec: Any, *, budget: int, embeddings: str | Encoder | None = None, progress: Progress = silent
) -> Chosen:
    """The answers whose labels would teach most about the reward.

    Args:
        runs: one; or the tied modes of a fit, with equal probability: the labels then also determine which of them is right.
        source: one answer a row, or lists of answers; rows with a label are left out.
        spec: how it is read.
        budget: how many.
        embeddings: a store of the file's vectors.
        progress: shows the work.

    Raises:
        ConfigError: runs without draws, or not fitted to a log.
        DataError: the file cannot be used, or has no answer without a label.
    """
    if any(len(next(iter(run.draws.values()))) < 2 for run in runs):
        raise ConfigError(
            "a point estimate does not say what it does not know", fix="fit with a guide that has draws, e.g. --guide auto-normal"
        )
    other = next((run.kind for run in runs if find_recipe(run.kind).fitted_to != "log"), None)
    if other is not None:
        raise ConfigError(
            f"run of model {other!r}: it was fitted to {find_recipe(other).fitted_to}, and a label of one answer teaches it nothing",
            fix="name a run that was fitted to a log of actions",
        )
    read = [find_recipe(run.kind).answers(run, source, spec, embeddings=embeddings, progress=progress) for run in runs]
    log, _, notes = read[0]
    asked = [text for run in runs if (path := run.config["data"].get("labels")) for text in read_labels(path)]
    rows, notes = _open(log, spec, asked, list(notes))
    draws = min(len(next(iter(run.draws.values()))) for run in runs)
    parts = []
    with torch.no_grad():
        for run, (_, batch, _) in zip(runs, read, strict=True):
            some = {name: value[:draws] for name, value in run.draws.items()}
            parts.append(run.model.probability(run.model.reward(some, batch.subset(torch.from_numpy(rows))), some))
        probability = torch.cat(parts)
        found = acquire(probability, budget)
    at = rows[found.rows]
    names = log.table.column("id").take(log.rows).to_pylist() if "id" in log.table.column_names else log.row_id.tolist()
    answers = [log.conversations[i] for i in at]
    table = pa.table(
        {
            "order": np.arange(1, len(at) + 1),
            "id": [str(names[i]) for i in at],
            "prompt": [one.prompt_text for one in answers],
            "response": [one.response for one in answers],
            "probability": probability.mean(0).numpy()[found.rows],
            "information": found.alone,
            "gain": found.gain,
        }
    )
    return Chosen(table, notes)


def _open(log: Any, spec: Any, asked: Sequence[tuple[str, str]], notes: list[str]) -> tuple[np.ndarray, list[str]]:
    """Rows that can be asked about: each answer once, those without a label, in the file or in what a run was given with --labels (``asked``), and no
    more than can be looked at."""
    column = (spec.columns or {}).get("label") or "label"
    labelled = np.zeros(len(log), bool)
    if column in log.table.column_names:
        labelled = np.array([value is not None and value == value for value in log.table.column(column).take(log.rows).to_pylist()])
    judged = set(asked)
    known = {one for one, done in zip(log.conversations, labelled, strict=True) if done or (one.prompt_text, one.response) in judged}
    first: dict[Any, int] = {}
    for i, one in enumerate(log.conversations):
        if one not in known:
            first.setdefault(one, i)
    if known:
        notes.append(f"{len(known)} answers have a label already, and are left out")
    if not first:
        raise DataError(f"{log.source}: none of its {len(log)} answers is without a label", fix="give answers that nobody has judged yet")
    rows = np.array(list(first.values()))
    if len(rows) > _MOST:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST])
        notes.append(f"{_MOST:,} of {len(first):,} answers, drawn at random, were looked at")
    return rows, notes


def tasks(chosen: Chosen, tool: str, agent: str) -> str:
    """Tasks for an annotation tool, JSON, each with the run's own guess and its probability.

    Args:
        chosen: answers.
        tool: ``argilla`` (``rg.Dataset.records.from_json``: fields prompt and response, a label question ``good``), or ``label-studio`` (import: Choices
            ``good`` on ``response``, yes and no).
        agent: who made the guess.
    """
    make = _argilla if tool == "argilla" else _label_studio
    return json.dumps([make(row, agent) for row in chosen.table.to_pylist()], ensure_ascii=False, indent=1) + "\n"


def _guess(row: dict[str, Any]) -> tuple[str, float]:
    p = float(row["probability"])
    return (YES, p) if p >= 0.5 else (NO, 1 - p)


def _argilla(row: dict[str, Any], agent: str) -> dict[str, Any]:
    value, score = _guess(row)
    return {
        "id": row["id"],
        "fields": {"prompt": row["prompt"], "response": row["response"]},
        "metadata": {name: row[name] for name in ("order", "probability", "information", "gain")},
        "suggestions": {QUESTION: {"value": value, "score": score, "agent": agent}},
        "responses": {},
    }


def _label_studio(row: dict[str, Any], agent: str) -> dict[str, Any]:
    value, score = _guess(row)
    result = [{"from_name": QUESTION, "to_name": "response", "type": "choices", "value": {"choices": [value]}}]
    return {
        "data": {name: row[name] for name in ("id", "prompt", "response")},
        "meta": {name: row[name] for name in ("order", "probability", "information", "gain")},
        "predictions": [{"model_version": agent, "score": score, "result": result}],
    }
