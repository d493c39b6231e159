"""What became of all cases, as a table; below it each fault once, with the cases that have it and how to see one again."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

_COLUMNS = ("cases", "exit 0", "exit 2", "tracebacks", "codes", "hangs", "crashes", "left", "terminal", "other", "most s")


def _sort(fault: str) -> str:
    starts = {
        "traceback": "tracebacks",
        "exit code": "codes",
        "no message": "codes",
        "hang": "hangs",
        "crash": "crashes",
        "control": "terminal",
    }
    starts |= {"half-written": "left", "left behind": "left", "changed or gone": "left"}
    return next((name for start, name in starts.items() if fault.startswith(start)), "other")


def report(done: Sequence[dict[str, Any]], seed: int, seconds: float) -> tuple[str, int]:
    """The text, and how many cases have a fault."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, float] = defaultdict(float)
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in done:
        for name in (one["kind"], "all"):
            rows[name].update(
                ["cases", *([f"exit {one['code']}"] if one["code"] in (0, 2) else []), *{_sort(fault) for fault in one["faults"]}]
            )
            slowest[name] = max(slowest[name], one["seconds"])
        for fault in one["faults"]:
            kinds[fault].append(one)
    names = sorted(rows, key=lambda name: (name == "all", name))
    lines = [
        f"{len(done)} cases of seed {seed} in {seconds:.0f} seconds",
        "",
        f"{'class':<18}" + "".join(f"{column:>12}" for column in _COLUMNS),
    ]
    lines += [
        f"{name:<18}" + "".join(f"{rows[name][column]:>12}" for column in _COLUMNS[:-1]) + f"{slowest[name]:>12.1f}" for name in names
    ]
    for fault, ones in sorted(kinds.items(), key=lambda item: -len(item[1])):
        first = min(ones, key=lambda one: len(str(one["argv"])))
        shown = shlex.join(first["argv"])[:300].encode("ascii", "backslashreplace").decode()
        lines += [
            "",
            f"{len(ones)} × {fault}",
            f"  {first['kind']}, number {first['number']}: {first['told'][:200]!a}",
            f"  probrm {shown!a}",
        ]
        lines += [f"  | {line!a}" for line in first["detail"].splitlines()[-12:]]
        lines += [f"  again: PROBRM_GENERATED_SEED={seed} python -m tests.probrm_cli.generated --case {first['number']}"]
    return "\n".join(lines), sum(bool(one["faults"]) for one in done)
