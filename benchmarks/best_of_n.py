"""The best of several answers, chosen by a reward that was fitted to other data: how good the choice is, and what abstention buys.

    PROBRM_DATA=FOLDER OMP_NUM_THREADS=1 python -m benchmarks.best_of_n [--n 4] [--page benchmarks/results/best_of_n.md]

An answer's quality is the share of its judgments that it won, ties half. Choices are by the posterior mean, by the lower bound of the
advantage, and by the deterministic Bradley–Terry model (one point of weights); random is the average answer. Intervals are those of a
bootstrap over prompts. *said*: the mean probability that the choice is the best; *was*: how often it was, ties shared.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.layer_sets import fgrlhf
from benchmarks.pairs.data import SETS
from probrm.config import build_config
from probrm.data import Conversation, Pairs
from probrm.recipes.ranking import rankings
from probrm.runs import Run, find_recipe

_TRAINED = {"fgrlhf": ("pandalm", "llmfao", "ukp"), "llmfao": ("pandalm", "fgrlhf", "ukp")}
_KEPT = (1.0, 0.5, 0.25)
"""Shares of the prompts that are answered, the clearest first."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4, help="answers a prompt where there are more")
    parser.add_argument("--page", type=Path, help="a page whose table is renewed")
    chosen = parser.parse_args()
    folder, rows = Path(os.environ["PROBRM_DATA"]), []
    for name, trained in _TRAINED.items():
        answers, prompts, quality = QUALITY[name](folder, chosen.n)
        with tempfile.TemporaryDirectory() as made:
            source = str(Path(made) / "pairs.parquet")
            pd.concat([_table({**SETS, "fgrlhf": fgrlhf}[one](folder)) for one in trained]).to_parquet(source, index=False)
            fitted = {model: _fitted(source, model) for model in ("bradley-terry", "point")}
        for model, risk, own in (
            ("bradley-terry", "mean", True),
            ("bradley-terry", "lower", True),
            ("point", "mean", False),
        ):
            run = fitted[model]
            batch = find_recipe(run.kind).text_batch(run, answers, cache=True)
            found = list(rankings(run, batch, answers, prompts, risk=risk, own=own))  # type: ignore[arg-type]
            rows.append([name, f"{model}, {risk}", *measured(found, prompts, quality, answers)])
        texts = [answers[places[0]].prompt for places in prompts]
        rows.append([name, "random", _told(np.array([quality[places].mean() for places in prompts]), texts), "", "", "", ""])
        rows.append([name, "the best there is", _told(np.array([quality[places].max() for places in prompts]), texts), "", "", "", ""])
    head = ["answers", "choice", *(f"quality, {share:.0%} answered" for share in _KEPT), "said", "was"]
    shown = Table(*head)
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
    if chosen.page:
        lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
        text = "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
        page, mark = chosen.page.read_text(), "<!-- best of n -->"
        chosen.page.write_text(re.sub(f"{mark}.*?{mark}", lambda _: f"{mark}\n\n{text}\n\n{mark}", page, flags=re.DOTALL))


def measured(found: list[Any], prompts: list[np.ndarray], quality: np.ndarray, answers: list[Conversation]) -> list[str]:
    """Quality of the choices for the clearest shares of prompts, and how often the choice is the best."""
    good = np.array([quality[places[one.chosen]] for places, one in zip(prompts, found, strict=True)])
    sure = np.array([one.p_best[one.chosen] for one in found])
    best = np.array([_share_of_best(quality[places], one.chosen) for places, one in zip(prompts, found, strict=True)])
    order, texts = np.argsort(-sure, kind="stable"), np.array([str(answers[places[0]].prompt) for places in prompts])
    kept = [order[: max(1, round(share * len(order)))] for share in _KEPT]
    return [*(_told(good[some], texts[some]) for some in kept), f"{sure.mean():.2f}", f"{best.mean():.2f}"]


def _share_of_best(quality: np.ndarray, chosen: int) -> float:
    best = quality >= quality.max() - 1e-9
    return float(best[chosen]) / best.sum()


def _told(values: np.ndarray, prompts: Any) -> str:
    """Mean and 95 % interval over resampled prompts."""
    rng, (names, places) = np.random.default_rng(0), np.unique(np.asarray(prompts, dtype=str), return_inverse=True)
    total, count = np.bincount(places, values), np.bincount(places)
    drawn = rng.integers(0, len(names), (2000, len(names)))
    low, high = np.quantile(total[drawn].sum(1) / count[drawn].sum(1), [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def _fitted(source: str, model: str) -> Run:
    recipe = find_recipe("bradley-terry")
    return recipe.fit(source, build_config(recipe, sets=["guide.name=delta"] if model == "point" else []))


def _table(pairs: Pairs) -> pd.DataFrame:
    columns = {"prompt": [c.prompt_text for c in pairs.chosen], "chosen": [c.response for c in pairs.chosen]}
    return pd.DataFrame(columns | {"rejected": [c.response for c in pairs.rejected]})


def _of_fgrlhf(folder: Path, n: int) -> tuple[list[Conversation], list[np.ndarray], np.ndarray]:
    """Four answers to each of 500 questions, by their six comparisons."""
    frame: Any = pd.read_parquet(folder / "fgrlhf" / "dev_feedback.parquet")
    answers, prompts, quality = [], [], []
    for row in frame.to_dict("records"):
        texts, won = [row[f"prediction_{i}"] for i in (1, 2, 3, 4)], np.zeros(4)
        for (one, two), code in zip(combinations(range(4), 2), row["preference"], strict=True):
            won[one] += (0.5, 1.0, 0.0)[int(code)] / 3
            won[two] += (0.5, 0.0, 1.0)[int(code)] / 3
        prompts.append(np.arange(len(answers), len(answers) + 4))
        answers += [Conversation(row["question"], text) for text in texts]
        quality += won.tolist()
    return answers, prompts, np.array(quality)


def _of_llmfao(folder: Path, n: int) -> tuple[list[Conversation], list[np.ndarray], np.ndarray]:
    """Answers of 59 models to 13 prompts, n drawn at a time, by all their judgments."""
    frame: Any = pd.read_parquet(folder / "llmfao" / "judgments.parquet")
    won: dict[tuple[str, str], list[float]] = {}
    for row in frame.to_dict("records"):
        left = {"left": 1.0, "right": 0.0}.get(row["winner"], 0.5)
        won.setdefault((row["text"], row["result_x"]), []).append(left)
        won.setdefault((row["text"], row["result_y"]), []).append(1 - left)
    keys = [key for key, values in won.items() if key[1] and key[1].strip() and len(values) >= 4]
    answers, quality = [Conversation(*key) for key in keys], np.array([np.mean(won[key]) for key in keys])
    rng, prompts = np.random.default_rng(0), []
    for prompt in dict.fromkeys(prompt for prompt, _ in keys):
        places = np.array([i for i, key in enumerate(keys) if key[0] == prompt])
        prompts += [rng.choice(places, n, replace=False) for _ in range(40)]
    return answers, prompts, quality


QUALITY = {"fgrlhf": _of_fgrlhf, "llmfao": _of_llmfao}


if __name__ == "__main__":
    main()
