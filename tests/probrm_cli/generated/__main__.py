"""``python -m tests.probrm_cli.generated [--case N]``: cases until the number or the seconds are used up, two processes at a time, then a report.

Environment: ``PROBRM_GENERATED_SEED`` (1), ``PROBRM_GENERATED_CASES`` (5000), ``PROBRM_GENERATED_SECONDS`` (300), ``PROBRM_GENERATED_PROCESSES`` (2).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMIT = 20.0
"""Seconds of one case."""
CHUNK = 200
"""Cases of one process; a new one has no memory of them."""


class Bench:
    """One place of work: a process, its folder, and the cases that it has before it."""

    def __init__(self, at: Path, kinds: Any, seed: int, material: Path) -> None:
        self.at, self.kinds, self.seed, self.material = at, kinds, seed, material
        self.left: list[int] = []
        self.child: int | None = None
        at.mkdir()

    def go(self, numbers: list[int]) -> None:
        from tests.probrm_cli.generated.worker import start

        self.left, self.buffer, self.began, self.used = numbers, b"", time.monotonic(), 0.0
        self.child, self.reading = start(self.kinds, self.seed, numbers, self.material, self.at)

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Cases that end within this time, or are ended because they hang."""
        if select.select([self.reading], [], [], seconds)[0]:
            return self.read()
        why = self.hangs()
        return self.ended(why) if why else []

    def read(self) -> list[dict[str, Any]]:
        """Cases that have ended; a crash is one of them."""
        content = os.read(self.reading, 2**20)
        *lines, self.buffer = (self.buffer + content).split(b"\n")
        done = []
        for line in map(json.loads, lines):
            self.began, self.used = time.monotonic(), _processor(self.child or 0)
            if "begins" not in line:
                self.left.remove(line["number"])
                done.append(line)
        return done if content else self.ended(None)

    def hangs(self) -> str | None:
        """Whether the case at hand takes too long: by the processor's clock, for a busy machine is slow by the other one."""
        waited = time.monotonic() - self.began
        if waited < LIMIT:
            return None
        used = _processor(self.child or 0) - self.used
        return f"hang: more than {LIMIT:.0f} seconds" if used > LIMIT or waited > 3 * LIMIT else None

    def ended(self, why: str | None) -> list[dict[str, Any]]:
        """The process is gone, or is sent away: the case at hand, and the rest goes to a new process."""
        from tests.probrm_cli.generated.worker import kind_of

        assert self.child is not None
        if why:
            os.kill(self.child, signal.SIGKILL)
        os.close(self.reading)
        code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        self.child = None
        if not self.left:
            return []
        number, *rest = self.left
        kind, _ = kind_of(self.kinds, self.seed, number)
        printed = (self.at / "printed").read_bytes()[-1500:].decode(errors="replace") if (self.at / "printed").exists() else ""
        self.left = rest
        fault = why or f"crash: {signal.Signals(-code).name if code < 0 else f'the process left with {code}'}"
        seconds = time.monotonic() - self.began
        nothing: dict[str, Any] = {"code": None, "told": "", "tags": [], "argv": []}
        return [nothing | {"number": number, "kind": kind.name, "seconds": seconds, "faults": [fault], "detail": printed}]


def _processor(process: int) -> float:
    """Seconds of the processor that a process has had."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def work(seed: int, cases: int, seconds: float, processes: int, root: Path, *, first: int = 0) -> list[dict[str, Any]]:
    """Outcomes of cases in the order in which they ended."""
    from tests.probrm_cli.generated.kinds import KINDS
    from tests.probrm_cli.generated.material import made

    material = made(root / "material")
    benches = [Bench(root / f"bench-{i}", KINDS, seed, material) for i in range(processes)]
    done: list[dict[str, Any]] = []
    coming, begun = first, time.monotonic()
    while True:
        over = time.monotonic() - begun > seconds
        for bench in benches:
            if bench.child is None and not over:
                numbers = bench.left or list(range(coming, min(coming + CHUNK, first + cases)))
                coming = max(coming, *(number + 1 for number in numbers)) if numbers else coming
                if numbers:
                    bench.go(numbers)
        busy = [bench for bench in benches if bench.child is not None]
        if not busy or over:
            for bench in busy:
                bench.left = []
                bench.ended("time is up")
            return done
        for bench in busy:
            done += bench.wait(0.25)


def main() -> int:
    """0 where no case has a fault."""
    from tests.probrm_cli.generated.report import report

    defaults = {"SEED": 1, "CASES": 5000, "SECONDS": 300, "PROCESSES": 2}
    seed, cases, seconds, processes = (int(os.environ.get(f"PROBRM_GENERATED_{name}", value)) for name, value in defaults.items())
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    first = 0
    if "--case" in sys.argv:
        first, cases, processes, seconds = int(sys.argv[sys.argv.index("--case") + 1]), 1, 1, 600
    root = Path(tempfile.mkdtemp(prefix="probrm-generated-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    os.environ |= {"PROBRM_CACHE": str(root / "cache"), "HF_HOME": str(root / "hub")}
    begun = time.monotonic()
    try:
        done = work(seed, cases, seconds, processes, root, first=first)
        if "--keep" in sys.argv:
            shutil.copytree(
                root / "bench-0" / "case",
                sys.argv[sys.argv.index("--keep") + 1],
                ignore=lambda at, names: [n for n in names if (Path(at) / n).is_fifo()],
            )
    finally:
        shutil.rmtree(root, ignore_errors=True)
    told, failed = report(done, seed, time.monotonic() - begun)
    print(told)
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(done))
    if "--case" in sys.argv:
        print(json.dumps(done, indent=1)[:5000])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
