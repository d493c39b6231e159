"""Tables of the results: each model's metrics, and VRM's differences from Bradley–Terry with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.pairs.data import SETS
from benchmarks.pairs.fits import METRICS, Task
from benchmarks.pairs.models import MODELS
from probrm.evaluation import PairPredictions, evaluate_pairs
from probrm.evaluation.intervals import Metric
from probrm.evaluation.paired import verdict

Results = Mapping[Task, dict[str, Any]]
HEADS = ["accuracy", "NLL", "Brier", "ECE", "accuracy, certain half", "certainty AUROC"]
BASELINES = ("bt", "bt-bayes")
COMPARISONS = [("vrm", "bt"), ("vrm", "bt-bayes"), ("published-pair", "vrm"), ("published-latent", "vrm")]


def of(results: Results, data: str, model: str, text: str, prompts: int | None = None, weight: float = 1.0) -> dict[int, dict[str, Any]]:
    """The records of one model on one set, by seed."""
    wanted = (data, model, text, prompts, weight)
    return {task.seed: r for task, r in sorted(results.items(), key=lambda item: item[0].seed) if _kind(task) == wanted}


def kinds(results: Results) -> list[tuple[str, str, str, int | None, float]]:
    """What there are records of, without the seeds; in the order of the sets and models."""
    orders = [list(SETS), list(MODELS)]
    return sorted({_kind(task) for task in results}, key=lambda k: (orders[0].index(k[0]), k[2], k[3] or 0, -k[4], orders[1].index(k[1])))


def _kind(task: Task) -> tuple[str, str, str, int | None, float]:
    return task.data, task.model, task.text, task.prompts, task.weight


def metrics(results: Results, text: str) -> list[list[str]]:
    """One row a set and model: means over seeds."""
    rows = []
    for kind in kinds(results):
        data, model, _, prompts, weight = kind
        if kind[2] != text or prompts is not None or weight != 1:
            continue
        records = of(results, *kind)
        values = [np.mean([r["metrics"][name] for r in records.values()]) for name in METRICS]
        rows.append([data, MODELS[model].title, str(len(records)), *(f"{value:.3f}" for value in values)])
    return rows


def differences(results: Results, text: str) -> list[list[str]]:
    """VRM less each Bradley–Terry model, and the published forms less VRM, on the seeds that both have."""
    return [
        [
            data,
            f"{MODELS[model].title} − {MODELS[base].title}",
            str(seeds),
            str(prompts),
            *(_told(name, change) for name, change in found.items()),
        ]
        for data in SETS
        for model, base in COMPARISONS
        for seeds, prompts, found in changes(results, data, model, base, text)
    ]


def changes(
    results: Results, data: str, model: str, base: str, text: str, bootstrap: int = 1000
) -> list[tuple[int, int, dict[str, Metric]]]:
    """Numbers of seeds and prompts, and the differences of accuracy and NLL; nothing where no seed has both.

    The test pairs of all seeds are one sample in which each seed weighs the same, so that the differences are those of the
    means over seeds; the bootstrap draws prompts, with a prompt's pairs of all seeds at once.
    """
    ours, theirs = of(results, data, model, text), of(results, data, base, text)
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return []
    prompts = np.concatenate([ours[seed]["prompts_of_test"] for seed in seeds])
    weight = np.concatenate([np.full(len(ours[seed]["p"]), 1000 / len(ours[seed]["p"])) for seed in seeds])
    p, q = (PairPredictions(np.concatenate([records[seed]["p"] for seed in seeds])) for records in (ours, theirs))
    found = evaluate_pairs(p, q, prompts=prompts, weight=weight, bootstrap=bootstrap).difference
    return [(len(seeds), len(set(prompts)), {name: found[name] for name in ("accuracy", "nll")})]


def _told(name: str, change: Metric) -> str:
    return f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f}): {verdict(name, change)}"


def limits(results: Results, text: str) -> list[list[str]]:
    """The fits to fewer prompts or with a tempered likelihood, beside those to everything."""
    rows = []
    special = {kind[0] for kind in kinds(results) if (kind[3] is not None or kind[4] != 1) and kind[2] == text}
    for kind in kinds(results):
        data, model, _, _, weight = kind
        if data not in special or kind[2] != text or model not in ("vrm", *BASELINES):
            continue
        records = of(results, *kind)
        train = sorted({r["train"]["prompts"] for r in records.values()})
        values = [np.mean([r["metrics"][name] for r in records.values()]) for name in ("accuracy", "nll", "ece")]
        steps = np.mean([r["steps"] for r in records.values()])
        seen = f"{train[0]}" if len(train) == 1 else f"{train[0]}–{train[-1]}"
        rows.append(
            [data, seen, f"{weight:g}", MODELS[model].title, str(len(records)), *(f"{value:.3f}" for value in values), f"{steps:.0f}"]
        )
    return rows


def supervision(results: Results, text: str) -> list[list[str]]:
    """What the scores of attributes do to the weights, on the seeds that all supervised models have."""
    models = [name for name, compared in MODELS.items() if compared.scored]
    records = {model: of(results, "dialsummeval", model, text) for model in models}
    records = {model: found for model, found in records.items() if found}
    seeds = set.intersection(*(set(found) for found in records.values())) if records else set()
    rows = []
    for model, found in records.items():
        latents = [found[seed]["latents"] for seed in seeds]
        used = [one["usefulness"] for one in latents]
        cells = [
            f"{np.mean([found[seed]['metrics']['accuracy'] for seed in seeds]):.3f}",
            f"{np.mean([one['kl']['weights'] for one in latents]):.2f}",
            f"{np.mean([np.mean(list(one['weights_sd'].values())) for one in latents]):.3f}",
            f"{np.mean([one['correlation'] for one in latents]):.2f}",
            f"{100 * np.mean([one['full']['accuracy'] - one['weights_shuffled']['accuracy'] for one in used]):+.1f}",
        ]
        rows.append([MODELS[model].title, str(len(seeds)), *cells])
    return rows


TITLES: dict[str, list[str]] = {
    "metrics": ["data", "model", "seeds", *HEADS],
    "differences": ["data", "difference", "seeds", "prompts", "accuracy (90 %)", "NLL (90 %)"],
    "supervision": [
        "model",
        "seeds",
        "accuracy",
        "KL of w, nats a prompt",
        "sd of E[w] over prompts",
        "correlation with target",
        "shuffling w costs, points",
    ],
    "limits": ["data", "training prompts", "likelihood's weight", "model", "seeds", "accuracy", "NLL", "ECE", "steps"],
}


def terminal(name: str, rows: list[list[str]]) -> Table:
    """For rich."""
    table = Table(title=name)
    for title in TITLES[name]:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(name: str, rows: list[list[str]]) -> str:
    """For the page."""
    lines = ["| " + " | ".join(TITLES[name]) + " |", "|" + " --- |" * len(TITLES[name])]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
