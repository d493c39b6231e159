"""What every benchmark is: a file of prompts with right and wrong responses, and scores that need one reward a response."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from probrm.data.conversation import Conversation
from probrm.errors import DataError
from probrm.evaluation.drawing import draw_estimates
from probrm.evaluation.intervals import Metric
from probrm.evaluation.report import report
from probrm.evaluation.resample import Estimate, Resamples
from probrm.evaluation.sample import Floats, Sample
from probrm.progress import Progress, silent
from probrm.reward_benchmarks.scores import Scores


@dataclass(frozen=True)
class Item:
    """One row of a benchmark: a prompt and its responses.

    Attributes:
        prompt: text, or ``((role, content), …)``.
        responses: the right ones first.
        n_right: how many of the responses are right.
        subset: where the benchmark counts it.
        key: what else its scores need to know.
        cluster: items with the same one are drawn together; the prompt by default.
    """

    prompt: tuple[tuple[str, str], ...] | str
    responses: tuple[str, ...]
    n_right: int
    subset: str
    key: str = ""
    cluster: Hashable = None

    @property
    def unit(self) -> Hashable:
        """What the bootstrap draws."""
        return self.prompt if self.cluster is None else self.cluster


@dataclass(frozen=True)
class BenchmarkResult:
    """The scores of one reward model.

    Attributes:
        name: of the benchmark.
        items: number of items.
        scores: ``overall`` first, then sections, then ``section/subset``, each with its 90 % interval over prompts. From 0 to 1.
        notes: what is missing, unknown, or to be read with care.
    """

    name: str
    items: int
    scores: dict[str, Metric]
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; undefined numbers are None."""
        scores = {name: metric.to_dict() for name, metric in self.scores.items()}
        return {"benchmark": self.name, "items": self.items, "scores": scores, "notes": list(self.notes)}


class Benchmark(ABC):
    """A benchmark; see the module of each for its schema and its formulas with their sources."""

    name: str
    """As in ``--benchmark``."""

    @abstractmethod
    def items(self, source: str) -> tuple[list[Item], list[str]]:
        """Reads a file in the published form: its items, and notes on what is not as published.

        Raises:
            DataError: the file cannot be read or is not in that form.
        """
        ...

    @abstractmethod
    def estimates(self, items: list[Item], rewards: list[Floats], scores: Scores) -> dict[str, Estimate]:
        """The scores by name, ``overall`` first; ``rewards`` holds one array an item, one number a response."""
        ...

    def read(self, source: str) -> BenchmarkSet:
        """Reads a file (or, where the benchmark is published so, a folder of files) in the published form.

        Raises:
            DataError: it cannot be read, has no rows, or is not in that form (names the columns, or the row and what is wrong with it).
        """
        items, notes = self.items(source)
        return BenchmarkSet(self, source, items, notes)


@dataclass(frozen=True)
class BenchmarkSet:
    """A benchmark's file as read.

    Attributes:
        benchmark: what scores it.
        source: the file.
        items: its rows.
        notes: on what is not as published.
    """

    benchmark: Benchmark
    source: str
    items: list[Item]
    notes: list[str]

    @cached_property
    def conversations(self) -> list[Conversation]:
        """All responses with their prompts, item by item."""
        return [Conversation(item.prompt, response) for item in self.items for response in item.responses]

    def score(self, rewards: ArrayLike, *, bootstrap: int = 1000, seed: int = 0, progress: Progress = silent) -> BenchmarkResult:
        """The published scores of these rewards, with intervals over prompts.

        Args:
            rewards: (n,) one finite number for each of ``conversations``, e.g. the posterior mean of the reward.
            bootstrap: number of resamples; 0 for no intervals.
            seed: of the bootstrap.
            progress: is told of the resamples.

        Raises:
            DataError: a reward that is not finite.
            ConfigError: a negative number of resamples.
            ValueError: not one reward a conversation.
        """
        values = np.asarray(rewards, dtype=np.float64)
        if values.shape != (len(self.conversations),):
            raise ValueError(f"rewards have shape {values.shape}; expected {(len(self.conversations),)}")
        if not np.isfinite(values).all():
            bad = int(np.isfinite(values).argmin())
            raise DataError(
                f"{self.source}: the reward of response {bad + 1} of {values.size} is {values[bad]}; allowed: finite numbers",
                fix="the model cannot be used on these texts: fit it again, or look at its own evaluation first",
            )
        ends = np.cumsum([len(item.responses) for item in self.items])
        sample = Sample.of(np.ones(len(self.items)), groups=[item.unit for item in self.items])
        scores = Scores(sample.clusters, sample.n_clusters)
        estimates = self.benchmark.estimates(self.items, np.split(values, ends[:-1]), scores)
        resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
        told = report(sample, draw_estimates(estimates, resamples, progress))
        return BenchmarkResult(self.benchmark.name, len(self.items), told.metrics, [*self.notes, *scores.notes, *told.notes])
