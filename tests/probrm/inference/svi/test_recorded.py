"""Replayed steps of a training, on a recorder that does on the CPU what a CUDA graph does: the same operations on the same tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.inference.svi.recorded import CudaGraph, HostWaits, Recorded
from probrm.inference.svi.train import svi_step


class Recorder:
    """Replays by doing a step again; learning rates and the batch come from the tensors that stood there when it was recorded."""

    def __init__(self, *, waits: bool = False) -> None:
        self.replays, self.recordings, self._waits = 0, 0, waits

    @contextmanager
    def trial(self) -> Iterator[None]:
        yield
        if self._waits:
            raise HostWaits

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        loss, self.recordings = torch.empty(()), self.recordings + 1
        groups = [dict(group) for group in self.optimiser.param_groups]
        assert all(isinstance(group["lr"], Tensor) and group["capturable"] for group in groups)

        def replay() -> None:
            self.replays += 1
            before = [group["lr"] for group in self.optimiser.param_groups]
            for group, recorded in zip(self.optimiser.param_groups, groups, strict=True):
                group["lr"] = float(recorded["lr"])
            loss.copy_(step())
            for group, rate in zip(self.optimiser.param_groups, before, strict=True):
                group["lr"] = rate

        return replay, loss

    optimiser: torch.optim.Optimizer


def training(recorder: Recorder | None) -> tuple[Recorded, nn.Linear]:
    torch.manual_seed(0)
    module = nn.Linear(3, 1)

    class Loss(nn.Module):
        inner: nn.Linear

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, batch: Batch) -> Tensor:
            return (self.inner(batch["x"])[:, 0] + torch.randn(len(batch)) - batch["y"]).square().sum() * batch.scale

    loss = Loss()
    optimiser = torch.optim.AdamW(loss.parameters(), lr=0.1)
    if recorder:
        recorder.optimiser = optimiser
    return Recorded(svi_step, loss, optimiser, recorder), loss.inner


def batches(sizes: list[int], total: int = 100) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    return [Batch({"x": torch.randn(n, 3, generator=generator), "y": torch.randn(n, generator=generator)}, total) for n in sizes]


def trained(recorder: Recorder | None, given: list[Batch], rate: Callable[[int], float]) -> tuple[list[Tensor], Tensor]:
    step, module = training(recorder)
    losses = []
    for i, batch in enumerate(given):
        for group in step.optimiser.param_groups:
            group["lr"] = rate(i)
        losses.append(step(batch))
    assert not any(isinstance(group["lr"], Tensor) for group in step.optimiser.param_groups)  # a checkpoint keeps them as numbers
    return losses, module.weight.detach()


@pytest.mark.parametrize(
    ("sizes", "replays"),
    [([8] * 12, 9), ([8] * 6 + [5] + [8] * 5, 8), ([8, 8, 8, 5, 8, 8, 5], 2), ([8, 8], 0)],
    ids=["equal batches", "one of another shape", "recorded at another shape", "no time to record"],
)
def test_replays_are_the_steps_that_were_written(sizes: list[int], replays: int) -> None:
    given, recorder = batches(sizes), Recorder()
    there, here = trained(recorder, given, lambda i: 0.1 / (1 + i)), trained(None, given, lambda i: 0.1 / (1 + i))
    assert torch.allclose(torch.stack(there[0]), torch.stack(here[0]), atol=0, rtol=1e-6)
    assert torch.allclose(there[1], here[1], atol=1e-6)
    assert (recorder.replays, recorder.recordings) == (replays, int(replays > 0))


def test_all_rows_in_one_batch_are_not_copied() -> None:
    [batch] = batches([8], total=8)
    recorder = Recorder()
    trained(recorder, [batch] * 6, lambda i: 0.1)
    assert recorder.replays == 3


def test_a_step_in_which_the_host_waits_is_never_recorded() -> None:
    recorder = Recorder(waits=True)
    losses, _ = trained(recorder, batches([8] * 6), lambda i: 0.1)
    assert recorder.recordings == 0
    assert len(losses) == 6


def test_an_error_of_the_step_is_told_as_it_is() -> None:
    step, _ = training(Recorder())
    good, bad = batches([8])[0], Batch({"x": torch.zeros(8, 2), "y": torch.zeros(8)}, 100)
    for _ in range(2):
        step(good)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        step(bad)


def test_a_recording_that_fails_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def fails(*_: object, **__: object) -> Iterator[None]:
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", fails)
    with pytest.raises(TrainingError, match=r"CUDA graph: operation not permitted when stream is capturing\n  fix") as caught:
        CudaGraph().record(lambda: torch.zeros(()))
    assert "inference.cuda_graph=false" in caught.value.fix
