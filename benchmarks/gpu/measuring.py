"""Clocks that wait for the device, its memory, and how fast it multiplies."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

import torch


def prepare(device: str) -> None:
    """Settings of a process that measures: float32 products in full precision, as probrm leaves them.

    Raises:
        SystemExit: there is no such device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit("torch sees no CUDA device here; try the parts out with --device cpu --tiny")
    torch.set_num_threads(1 if device == "cpu" else torch.get_num_threads())


def wait(device: str) -> None:
    """Until the device has done all that it was asked for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def peak_memory(device: str) -> float:
    """GiB: the most that tensors took on a GPU; on the CPU, of the whole process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def seconds(work: Callable[[], object], device: str, *, times: int = 1) -> float:
    """Of one call, from a run of ``times`` calls, the device's work included."""
    wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - start) / times


def alternating(work: dict[str, Callable[[], object]], device: str, *, budget: float, rounds: int = 5) -> dict[str, float]:
    """Median seconds of a call of each, measured in turns after a warm-up, in about ``budget`` seconds altogether."""
    for one in work.values():
        seconds(one, device, times=3)
    count = {name: max(1, int(budget / rounds / len(work) / max(seconds(one, device), 1e-6))) for name, one in work.items()}
    found: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds):
        for name in list(work)[:: 1 if turn % 2 == 0 else -1]:
            found[name].append(seconds(work[name], device, times=count[name]))
    return {name: statistics.median(each) for name, each in found.items()}


def ceiling(device: str, size: int) -> float:
    """Floating-point operations a second of a bfloat16 matrix product of that size: what the device is held to."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds(lambda: a @ b, device, times=3)
    return 2 * size**3 / min(seconds(lambda: a @ b, device, times=10) for _ in range(3))
