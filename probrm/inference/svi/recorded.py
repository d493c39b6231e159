"""Steps of a training that a GPU replays: a step is hundreds of short operations, and starting each takes longer than doing it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import TrainingError

_FIRST = 3
"""Steps that run as they are written: they set up what is set up once, and the last of them shows whether the host waits for the device."""

Step = Callable[[nn.Module, torch.optim.Optimizer, Batch], Tensor]
"""Does one step and gives the loss before it."""


class HostWaits(RuntimeError):
    """The host would wait for the device."""


class Recorder(Protocol):
    """Records steps on a device."""

    def trial(self) -> AbstractContextManager[None]:
        """While it is open, ``HostWaits`` is raised where the host would wait for the device."""
        ...

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """What replays a step, which is not done now, and the tensor that has its result after each replay."""
        ...


class Recorded:
    """Does the steps of one training; with a recorder it records one and replays it for all batches of that shape.

    What Python computes beside tensors is recorded as it is then. Of that a step has the learning rates, which are followed, and the shape
    of the batch: one of another shape runs as it is written, and so does every step in which the host waits for the device.

    Args:
        step: see ``Step``.
        loss_fn: from a batch to the loss.
        optimiser: of its parameters; its state is on their device.
        recorder: None runs each step as it is written.
    """

    def __init__(self, step: Step, loss_fn: nn.Module, optimiser: torch.optim.Optimizer, recorder: Recorder | None) -> None:
        self.loss_fn, self.optimiser = loss_fn, optimiser
        self._step, self._recorder = step, recorder
        self._count = 0
        self._replayed: _Replayed | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """One step on that batch; the loss before it, a scalar without a gradient."""
        self._count += 1
        if self._recorder is None or self._count < _FIRST:
            return self._as_written(batch)
        if self._count == _FIRST:
            try:
                with self._recorder.trial():
                    return self._as_written(batch)
            except HostWaits:
                self._recorder = None
                return self._as_written(batch)
        if self._replayed is None:
            self._replayed = _Replayed(self._as_written, batch, self.optimiser, self._recorder)
        return self._replayed(batch) if self._replayed.takes(batch) else self._as_written(batch)

    def _as_written(self, batch: Batch) -> Tensor:
        return self._step(self.loss_fn, self.optimiser, batch).detach()


class _Replayed:
    """A recorded step: what it reads stands in tensors of its own, into which each batch and the learning rates are copied."""

    def __init__(self, step: Callable[[Batch], Tensor], first: Batch, optimiser: torch.optim.Optimizer, recorder: Recorder) -> None:
        whole = len(first) == first.total  # then every batch is this one
        self._batch = first if whole else Batch({name: c.clone() for name, c in first.columns.items()}, first.total, first.limits)
        self._optimiser = optimiser
        device = next(iter(first.columns.values())).device
        self._rates = [torch.tensor(float(group["lr"]), device=device) for group in optimiser.param_groups]
        with self._rates_in_tensors():
            self._replay, self._loss = recorder.record(lambda: step(self._batch))

    def takes(self, batch: Batch) -> bool:
        """Whether the batch has the recorded one's shape."""
        return batch.total == self._batch.total and _shapes(batch) == _shapes(self._batch)

    def __call__(self, batch: Batch) -> Tensor:
        for name, column in self._batch.columns.items():
            if column is not batch[name]:
                column.copy_(batch[name])
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            rate.fill_(group["lr"])
        self._replay()
        return self._loss.clone()

    @contextmanager
    def _rates_in_tensors(self) -> Iterator[None]:
        """A number would be recorded for good."""
        groups = self._optimiser.param_groups
        before = [{key: group[key] for key in ("lr", "capturable")} for group in groups]
        for group, rate in zip(groups, self._rates, strict=True):
            group |= {"lr": rate, "capturable": True}
        try:
            yield
        finally:
            for group, numbers in zip(groups, before, strict=True):
                group |= numbers


def _shapes(batch: Batch) -> dict[str, Any]:
    return {name: (column.shape, column.dtype) for name, column in batch.columns.items()}


class CudaGraph:
    """Records a step as a CUDA graph (``torch.cuda.graph``); random numbers are others in each replay."""

    @contextmanager
    def trial(self) -> Iterator[None]:
        """See ``Recorder``; on a stream beside the one in use, as torch asks for before a recording."""
        before, aside = torch.cuda.get_sync_debug_mode(), torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the mode is new
            torch.cuda.set_sync_debug_mode("error")
        try:
            with torch.cuda.stream(aside):
                yield
        except RuntimeError as error:
            if "synchronizing" in str(error):
                raise HostWaits(str(error)) from None
            raise
        finally:
            torch.cuda.set_sync_debug_mode(before)
            torch.cuda.current_stream().wait_stream(aside)

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """See ``Recorder``.

        Raises:
            TrainingError: it cannot be recorded; torch may not be able to use the device any more then.
        """
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                loss = step()
        except RuntimeError as error:
            lines = str(error).splitlines() or [""]
            raise TrainingError(
                f"a step of the training cannot be recorded as a CUDA graph: {lines[0][:300]}", fix="--set inference.cuda_graph=false"
            ) from None
        return graph.replay, loss
