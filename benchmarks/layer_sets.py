"""What the layers of an encoder are compared on: logs of actions and human preferences, read where they lie."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.pairs.data import SETS as PAIRS
from probrm.data import Conversation, LogSpec, Pairs, PairSpec, read_log, read_pairs


@dataclass(frozen=True)
class Compared:
    """n rows of a set, of which some may only be tested on.

    Attributes:
        name: of the set.
        answers: n conversations; of pairs the preferred ones.
        others: of pairs the rejected ones; None for actions.
        observed: (n,), the action; 1 for pairs.
        truth: (n,), what the test compares with: the true preference where it is known, else what was observed.
            covariates: (n, c), of acting at all.
        users: (n,), or None.
        tested: (n,) of bool: rows of a test file of their own; None where folds over the prompts are tested.
    """

    name: str
    answers: list[Conversation]
    others: list[Conversation] | None
    observed: np.ndarray
    truth: np.ndarray
    covariates: np.ndarray
    users: np.ndarray | None
    tested: np.ndarray | None = None

    @property
    def prompts(self) -> list[str]:
        """What is split."""
        return [answer.prompt_text for answer in self.answers]

    @property
    def texts(self) -> list[Conversation]:
        """All that is encoded: responses, then each prompt of pairs alone."""
        others = self.others or []
        return [*self.answers, *others, *([Conversation(answer.prompt, "") for answer in self.answers] if others else [])]


def example(folder: Path) -> Compared:
    """The example log, and its test log's true preferences."""
    del folder
    spec = LogSpec(propensity_features=("surface", "position"), derive=("code_block",))
    logs = [read_log(f"examples/{name}.parquet", spec) for name in ("log", "test_log")]
    truth = pq.read_table("examples/test_log.parquet", columns=["id", "true_preference"]).to_pandas().set_index("id")["true_preference"]
    fitted, test = (np.asarray(log.action, float) for log in logs)
    covariates = pd.get_dummies(pd.concat([log.propensity for log in logs]), drop_first=True).to_numpy(float)
    return Compared(
        name="example-log",
        answers=[*logs[0].conversations, *logs[1].conversations],
        others=None,
        observed=np.concatenate([fitted, test]),
        truth=np.concatenate([fitted, truth.loc[list(logs[1].row_id)].to_numpy(float)]),
        covariates=covariates,
        users=np.concatenate([np.asarray(log.user, dtype=object) for log in logs]),
        tested=np.repeat([False, True], [len(log) for log in logs]),
    )


def realhumaneval(folder: Path) -> Compared:
    """Copies of answers to programmers."""
    spec = LogSpec(preset="realhumaneval", derive=("code_block",))
    log = read_log(str(folder / "realhumaneval" / "chat_data.csv"), spec)
    action = np.asarray(log.action, float)
    covariates = log.propensity.to_numpy(float)
    return Compared("realhumaneval", log.conversations, None, action, action, covariates, log.user)


def ifllm(folder: Path) -> Pairs:
    """Which of two answers whoever had asked preferred."""
    frame = pd.read_parquet(folder / "ifllm" / "query_logs.parquet")
    columns = ["user_query", "llm_response_1", "llm_response_2", "preference"]
    return _read(list(frame[columns].itertuples(index=False, name=None)))


def fgrlhf(folder: Path) -> Pairs:
    """Four answers to a question in six pairs; 1 for the first, 2 for the second, 0 for a tie."""
    frame = pd.read_parquet(folder / "fgrlhf" / "dev_feedback.parquet")
    rows = []
    for row in frame.to_dict("records"):
        answers = [row[f"prediction_{i}"] for i in (1, 2, 3, 4)]
        rows += [(row["question"], one, two, code) for (one, two), code in zip(combinations(answers, 2), row["preference"], strict=True)]
    return _read(rows)


def _read(rows: Sequence[tuple[str, str, str, float]]) -> Pairs:
    made = [
        {"prompt": prompt, "chosen": (one, two)[int(code) - 1], "rejected": (two, one)[int(code) - 1]}
        for prompt, one, two, code in rows
        if code in (1, 2) and all(isinstance(text, str) and text.strip() for text in (prompt, one, two))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.parquet"
        pd.DataFrame(made).to_parquet(path)
        return read_pairs(str(path), PairSpec())


def _pairs(name: str, read: Callable[[Path], Pairs]) -> Callable[[Path], Compared]:
    def load(folder: Path) -> Compared:
        pairs = read(folder)
        ones = np.ones(len(pairs))
        return Compared(name, list(pairs.chosen), list(pairs.rejected), ones, ones, np.zeros((len(pairs), 0)), None)

    return load


SETS: dict[str, Callable[[Path], Compared]] = {
    "example-log": example,
    "realhumaneval": realhumaneval,
    **{name: _pairs(name, read) for name, read in {**PAIRS, "ifllm": ifllm, "fgrlhf": fgrlhf}.items()},
}
