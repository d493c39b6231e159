"""Requests that come together are encoded together; no answer depends on which others were.

While one batch is encoded the next requests wait, and are the next batch: trainers send one query a request, and an encoder is several
times faster with many.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from probrm.data import Batch, Conversation
from probrm.posterior import Ranking, Rewards, Risk
from probrm.recipes.ranking import rankings
from probrm.runs import Run, find_recipe
from probrm.serving.faults import Refused
from probrm.serving.limits import Limits

_LOG = logging.getLogger("probrm.serving")


@dataclass(frozen=True)
class Choice:
    """What a ranking is asked for with, see ``probrm.posterior.rank_answers``."""

    risk: Risk = "mean"
    abstain: float | None = None


@dataclass(eq=False)
class _Job:
    texts: list[Conversation]
    choice: Choice | None  # none: rewards
    done: asyncio.Future[Any]


class Batches:
    """One thread that encodes, and a queue in front of it.

    Args:
        run: fitted; texts suffice for its reward.
        limits: on the queue and on a batch.
        told: of the number of texts of each batch.
    """

    def __init__(self, run: Run, limits: Limits, told: Callable[[int], object] = lambda _: None) -> None:
        self.run = run
        self._recipe = find_recipe(run.kind)
        self._limits, self._told = limits, told
        self._jobs: deque[_Job] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last = math.inf
        self.waiting = 0
        """Texts in the queue."""

    def start(self) -> None:
        """To be called in the event loop, and again in another one after ``stop``."""
        self._last = math.inf
        self._filled, self._thread = asyncio.Event(), ThreadPoolExecutor(1, "probrm-encoder")
        if self._jobs:
            self._filled.set()
        self._task = asyncio.get_running_loop().create_task(self._work())

    def finish(self) -> None:
        """From now on what cannot be answered soon is refused."""
        self._last = time.monotonic() + self._limits.stopping

    async def stop(self) -> None:
        """After the last request."""
        self._last = 0.0
        if self._task is not None:
            self._task.cancel()
            await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def rewards(self, texts: Sequence[Conversation]) -> Rewards:
        """Of one request's answers.

        Raises:
            Refused: too many wait already (503), or it took too long (504).
            ProbrmError: these texts cannot be used.
        """
        return await self._ask(texts, None)

    async def ranking(self, texts: Sequence[Conversation], choice: Choice) -> tuple[Ranking, Rewards]:
        """Of one request's answers, which have one prompt; and their rewards.

        Raises:
            Refused: too many wait already (503), or it took too long (504).
            ProbrmError: these texts cannot be used.
        """
        return await self._ask(texts, choice)

    async def _ask(self, texts: Sequence[Conversation], choice: Choice | None) -> Any:
        if self.waiting and self.waiting + len(texts) > self._limits.waiting:
            raise Refused(
                503, f"{self.waiting} texts are waiting already", "send again in a second, or fewer at a time", {"Retry-After": "1"}
            )
        job = _Job(list(texts), choice, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self.waiting += len(job.texts)
        self._filled.set()
        try:
            return await asyncio.wait_for(job.done, self._limits.seconds)
        except TimeoutError:
            raise Refused(504, f"no answer within {self._limits.seconds:g} seconds", "send fewer texts at a time") from None
        finally:
            if job in self._jobs:  # given up before its turn
                self._jobs.remove(job)
                self.waiting -= len(job.texts)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._filled.wait()
            jobs = self._next()
            if not jobs:
                self._filled.clear()
                continue
            found = await loop.run_in_executor(self._thread, self._answers, jobs)
            for job, (value, error) in zip(jobs, found, strict=True):
                if job.done.done():  # given up by its client
                    continue
                if error is None:
                    job.done.set_result(value)
                else:
                    job.done.set_exception(error)

    def _next(self) -> list[_Job]:
        """As many as are encoded together, in their order; one at least, however large."""
        jobs, size = [], 0
        while self._jobs and (not jobs or size + len(self._jobs[0].texts) <= self._limits.together):
            jobs.append(self._jobs.popleft())
            size += len(jobs[-1].texts)
        self.waiting -= size
        return jobs

    def _answers(self, jobs: Sequence[_Job]) -> list[tuple[Any, Exception | None]]:
        """In the thread: values, or what went wrong with each."""
        try:
            batch = self._encoded(jobs)
            found: list[tuple[Any, Exception | None]] = [(value, None) for value in self._values(jobs, batch)]
            self._told(len(batch))
            return found
        except Exception as error:
            if len(jobs) > 1:  # one of them is to blame: the others get their answers
                return [self._answers([job])[0] for job in jobs]
            if not isinstance(error, Refused) and not hasattr(error, "fix"):
                _LOG.exception("a request failed")
            return [(None, error)]

    def _encoded(self, jobs: Sequence[_Job]) -> Batch:
        """In pieces, between which it is seen that nobody waits any more, or that the server stops.

        Raises:
            Refused: one of the two.
        """
        texts, parts = [text for job in jobs for text in job.texts], []
        for start in range(0, len(texts), self._limits.together):
            if time.monotonic() > self._last or all(job.done.done() for job in jobs):
                raise Refused(503, "the server is stopping", "send again when it is back", {"Retry-After": "10"})
            parts.append(self._recipe.text_batch(self.run, texts[start : start + self._limits.together]))
        columns = {name: torch.cat([part[name] for part in parts]) for name in parts[0].columns}
        return parts[0] if len(parts) == 1 else Batch(columns, len(texts))

    @torch.no_grad()
    def _values(self, jobs: Sequence[_Job], batch: Batch) -> list[Any]:
        rows = torch.arange(len(batch)).split([len(job.texts) for job in jobs])
        if self.run.model.draws_rows:
            rewards = [self._recipe.batch_rewards(self.run, batch.subset(part)) for part in rows]
        else:  # much of a model's work is the same for one row and for many
            rewards = _split(self._recipe.batch_rewards(self.run, batch), [len(part) for part in rows])
        return [
            found if job.choice is None else (self._ranking(batch.subset(part), job.texts, job.choice), found)
            for part, job, found in zip(rows, jobs, rewards, strict=True)
        ]

    def _ranking(self, batch: Batch, texts: Sequence[Conversation], choice: Choice) -> Ranking:
        prompts = [np.arange(len(texts))]
        return next(iter(rankings(self.run, batch, texts, prompts, risk=choice.risk, abstain=choice.abstain)))


def _split(found: Rewards, sizes: Sequence[int]) -> Iterator[Rewards]:
    ends = np.cumsum(sizes)[:-1]
    columns = [np.split(getattr(found, field.name), ends) for field in fields(Rewards)]
    return (Rewards(*parts) for parts in zip(*columns, strict=True))
