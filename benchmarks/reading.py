"""Reading logs of chats: seconds and peak memory beside a plain pass of ``json.loads`` over the same lines.

    python -m benchmarks.reading [--rows 1000000]

*uniform*: each content is a text, and Arrow reads the file. *mixed*: every second one is a list of parts, a column of two types, which is read line by line.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

_WORDS = ["alpha", "beta", "gamma", "delta", "query", "index", "python", "list", "answer", "maybe", "because", "the", "of", "and"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(*chosen.one)))
        return
    table = Table("file", "MB", "read_log, s", "GB", "json.loads, s", "GB", "times")
    for form in ("uniform", "mixed"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "log.jsonl"
            write(file, chosen.rows, mixed=form == "mixed")
            ours, plain = (_apart(reader, str(file)) for reader in ("read_log", "json"))
            found = [f"{file.stat().st_size / 1e6:.0f}", *(f"{x:.1f}" for x in (*ours, *plain)), f"{ours[0] / plain[0]:.1f}"]
            table.add_row(form, *found)
    Console().print(table)


def write(file: Path, rows: int, *, mixed: bool) -> None:
    """Chats of two messages of some 200 letters each, with one action and 5,000 users."""
    rng = np.random.default_rng(0)
    with file.open("w") as lines:
        for row in range(rows):
            asked, said = (" ".join(_WORDS[i] for i in rng.integers(0, len(_WORDS), 40)) for _ in range(2))
            content = [{"type": "text", "text": asked}] if mixed and row % 2 else asked
            messages = [{"role": "user", "content": content}, {"role": "assistant", "content": said}]
            lines.write(json.dumps({"messages": messages, "action": int(rng.random() < 0.3), "user_id": f"u{row % 5000}"}) + "\n")


def measured(reader: str, file: str) -> tuple[float, float]:
    """Seconds and the most gigabytes of this process."""
    began = time.perf_counter()
    if reader == "read_log":
        from probrm.data.logs.log import read_log

        kept: object = read_log(file)
    else:
        with open(file) as lines:
            kept = [json.loads(line) for line in lines]
    assert kept
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _apart(reader: str, file: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.reading", "--one", reader, file], capture_output=True, text=True, check=True)
    seconds, gigabytes = json.loads(done.stdout)
    return seconds, gigabytes


if __name__ == "__main__":
    main()
