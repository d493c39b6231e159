"""Seconds and peak memory of whole commands: the main fit with an empty cache, encoding included, and ``--help``.

    python benchmarks/main_command.py [--realhumaneval FOLDER]

Every figure is of a fresh process. Aims on 2 cores: a fit under 60 s and 2.5 GB, help under 0.3 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBRM = Path(sys.executable).with_name("probrm")
EXAMPLE = ["--data", str(ROOT / "examples/log.parquet"), "--propensity-features", "surface,position", "--derive", "code_block"]


def measure(arguments: list[str]) -> tuple[float, float]:
    """Seconds and the peak resident memory in GB of one command; children are measured one at a time."""
    start = time.perf_counter()
    process = subprocess.Popen([str(PROBRM), *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"probrm {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def fit(arguments: list[str], label: str) -> None:
    """One fit with an empty cache of embeddings, one with the cache it left."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROBRM_CACHE"] = f"{folder}/cache"
        for state in ("empty cache", "warm cache"):
            out = f"{folder}/run"
            shutil.rmtree(out, ignore_errors=True)
            seconds, memory = measure(["fit", "implicit", *arguments, "--out", out, "--quiet"])
            print(f"{label:<16}{state:<14}{seconds:7.1f} s {memory:6.2f} GB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds and peak memory of whole commands.")
    data = os.environ.get("PROBRM_DATA")
    parser.add_argument("--realhumaneval", default=f"{data}/realhumaneval" if data else None, help="folder with chat_data.csv")
    chosen = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    times = [measure(["--help"])[0] for _ in range(7)]
    print(f"{'--help':<30}{statistics.median(times):7.2f} s (median of {len(times)})")
    fit(EXAMPLE, "example log")
    if chosen.realhumaneval:
        fit(["--data", f"{chosen.realhumaneval}/chat_data.csv", "--preset", "realhumaneval"], "RealHumanEval")
    else:
        print("RealHumanEval   not measured: name its folder with --realhumaneval or set PROBRM_DATA")


if __name__ == "__main__":
    main()
