"""Benchmarks by name."""

from __future__ import annotations

from probrm.data.files.hints import check_known
from probrm.reward_benchmarks.base import Benchmark
from probrm.reward_benchmarks.rewardbench import RewardBench
from probrm.reward_benchmarks.rewardbench2 import RewardBench2
from probrm.reward_benchmarks.rm_bench import RMBench
from probrm.reward_benchmarks.rmb import RMB

_ALL: dict[str, type[Benchmark]] = {kind.name: kind for kind in (RewardBench, RewardBench2, RMBench, RMB)}


def benchmark_names() -> list[str]:
    """The names that :func:`find_benchmark` knows."""
    return list(_ALL)


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        ConfigError: there is none; lists the names.
    """
    check_known("benchmark", name, _ALL, "--benchmark rewardbench")
    return _ALL[name]()
