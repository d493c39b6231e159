"""Where and with how many threads a fit computes, put back as it was afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pyro
import torch

from probrm.encoders.threads import encoding_threads
from probrm.errors import ConfigError

_MANY = 8_000_000
"""Numbers in the rows from which on their products are worth several threads, or a GPU."""


def resolve_device(device: str, numbers: int | None = None) -> str:
    """``auto`` becomes ``cuda`` where there is one and work enough for it, else ``cpu``.

    A fit is thousands of short operations; a GPU takes longer to start one than the CPU to do it where there are few rows
    (README has both times for the example).

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``; what is named is what it is.
        numbers: in the columns of a fit's rows; None for an encoder, which always gains.

    Raises:
        ConfigError: an unknown device, or ``cuda`` without one.
    """
    kind = device.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device: found {device!r}; allowed: auto, cpu, cuda", fix="use --device auto")
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() and (numbers is None or numbers >= _MANY) else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no CUDA device on this machine", fix="use --device cpu, or --device auto")
    return device


@contextmanager
def own_random_stream(seed: int, cuda: bool | None = None) -> Iterator[None]:
    """Random numbers from ``seed`` while it is open; every generator is as it was afterwards.

    Args:
        seed: of the CPU's generator and, where CUDA is in use, of every GPU's.
        cuda: whether it is; None looks.
    """
    used = torch.cuda.is_initialized() if cuda is None else cuda
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if used else []):
        torch.manual_seed(seed)
        yield


def threads_for(numbers: int) -> int:
    """How many threads a fit uses on the CPU: one for small steps, all that there are (``OMP_NUM_THREADS`` at most) for large ones.

    Args:
        numbers: in the columns of its rows.
    """
    if numbers < _MANY:
        return 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(encoding_threads(), int(allowed)) if allowed.isdecimal() and int(allowed) else encoding_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads on the CPU while it is open."""
    previous = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(previous)


@contextmanager
def isolated(seed: int, device: str = "cpu", numbers: int = 0) -> Iterator[None]:
    """A fit's own random stream, default device, thread count (by the ``numbers`` in its rows) and Pyro settings.

    Distributions make their parameters where torch makes tensors by default, so on a GPU that is the GPU; on the CPU
    nothing is set, for the mode costs every call of torch some microseconds.

    One thread is fastest for steps of a few milliseconds (with two, spinning workers take several times as long). Sums are repeatable to
    the bit with the same number of threads. Pyro's parameter store is kept out of it: parameters live in modules.
    """
    place = nullcontext() if device == "cpu" else torch.device(device)
    stream = own_random_stream(seed, cuda=device != "cpu")
    with place, stream, threads(threads_for(numbers)), pyro.settings.context(module_local_params=True):
        yield
