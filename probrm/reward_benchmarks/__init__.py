"""Benchmarks of reward models that people know, from local files in their published form.

RewardBench, RewardBench 2, RM-Bench and RMB: reading, and the published scores with intervals over prompts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.reward_benchmarks.base import Benchmark, BenchmarkResult, BenchmarkSet, Item
    from probrm.reward_benchmarks.registry import benchmark_names, find_benchmark

__all__ = ["Benchmark", "BenchmarkResult", "BenchmarkSet", "Item", "benchmark_names", "find_benchmark"]

__getattr__ = lazy(
    __name__,
    base="Benchmark BenchmarkResult BenchmarkSet Item",
    registry="benchmark_names find_benchmark",
)
