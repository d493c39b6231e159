"""Benchmarks by name."""

from __future__ import annotations

from probrm.data.files.hints import check_known
from probrm.errors import ConfigError
from probrm.reward_benchmarks.base import Benchmark
from probrm.reward_benchmarks.rewardbench import RewardBench
from probrm.reward_benchmarks.rewardbench2 import RewardBench2
from probrm.reward_benchmarks.rm_bench import RMBench
from probrm.reward_benchmarks.rmb import RMB

_ALL: dict[str, type[Benchmark]] = {kind.name: kind for kind in (RewardBench, RewardBench2, RMBench, RMB)}


def benchmark_names() -> list[str]:
    """The names that :func:`find_benchmark` knows."""
    return list(_ALL)


def find_benchmark(name: str, *, domain: str | None = None) -> Benchmark:
    """The benchmark of that name.

    Args:
        name: one of ``benchmark_names()``.
        domain: the domain of a file without such a column, for RM-Bench.

    Raises:
        ConfigError: there is none, which lists the names; or it has no such domain.
    """
    check_known("benchmark", name, _ALL, "--benchmark rewardbench")
    if domain is None:
        return _ALL[name]()
    if name != RMBench.name:
        raise ConfigError(f"--domain {domain}: only {RMBench.name} has files of one domain; found: --benchmark {name}", fix="leave it out")
    return RMBench(domain)
