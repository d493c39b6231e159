"""Cases run in a child process that may crash or hang: one line of JSON before each and one after it."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import json
import os
import re
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.probrm_cli.generated.case import Case, Kind, drawn
from tests.probrm_cli.generated.judge import faults, snapshot

ROOM = 4 * 2**30
"""Bytes of addresses beyond what the process has when it starts."""


def start(kinds: Iterable[Kind], seed: int, numbers: list[int], material: Path, at: Path) -> tuple[int, int]:
    """A child that works through ``numbers``; its process id, and the descriptor that its lines come from."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    faulthandler.disable()  # pytest's own writes pages on a crash that is planted
    try:
        with open("/proc/self/statm") as file:
            has = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (has + ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
        _once()
        with os.fdopen(writing, "w", buffering=1) as lines:
            for number in numbers:
                lines.write(json.dumps({"begins": number}) + "\n")
                lines.write(json.dumps(run(tuple(kinds), seed, number, material, at)) + "\n")
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(70)


def _once() -> None:
    """What a process of one command does once is not done again for each case: flags made of signatures, the list of installed packages."""
    import typer.main

    import probrm.runs.registry as registry

    typer.main.get_command = functools.cache(typer.main.get_command)
    registry.entry_points = functools.cache(registry.entry_points)


def kind_of(kinds: tuple[Kind, ...], seed: int, number: int) -> tuple[Kind, Any]:
    """The class of a case, and its random numbers."""
    draw = drawn(seed, number)
    return draw.choices(kinds, [kind.share for kind in kinds])[0], draw


def run(kinds: tuple[Kind, ...], seed: int, number: int, material: Path, at: Path) -> dict[str, Any]:
    """Builds, calls and judges one case."""
    kind, draw = kind_of(kinds, seed, number)
    folder = at / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chdir(folder)
    case = kind.build(draw, folder, material)
    return {"number": number, "kind": kind.name} | judged(case, folder, at)


def judged(case: Case, folder: Path, at: Path) -> dict[str, Any]:
    """The case, called; what it printed goes through the process's own descriptors, where native code writes, too."""
    before, begun = snapshot(folder), time.monotonic()
    with open(at / "printed", "w+b", buffering=0) as printed:
        code, trace = _called(case.argv, printed.fileno())
        seconds = time.monotonic() - begun
        printed.seek(0)
        text = printed.read(2_000_000).decode(errors="replace")
    found = faults(case.argv, code, text, before, folder)
    if trace:
        found = [f"traceback: {trace}", *(fault for fault in found if not fault.startswith(("traceback", "exit code", "no message")))]
    detail = text[-1500:] if found else ""
    return {
        "code": code,
        "seconds": round(seconds, 3),
        "faults": found,
        "told": case.told,
        "tags": case.tags,
        "detail": detail,
        "argv": case.argv if found else [],
    }


def _called(argv: list[str], descriptor: int) -> tuple[object, str]:
    """Exit code, and where a traceback that would have been printed ends."""
    from probrm_cli.main import main

    kept = [os.dup(1), os.dup(2)]
    sys.stdout.flush()
    before = sys.argv, sys.stdout, sys.stderr
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["probrm", *argv]
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)
    code, trace = 70, ""
    try:
        main()
    except SystemExit as left:
        code = left.code
    except BaseException as error:
        traceback.print_exc()
        trace = _where(error)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        sys.argv, sys.stdout, sys.stderr = before
        for target, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, target)
            os.close(saved)
    return code, trace


def _where(error: BaseException) -> str:
    """The type, and the last place in our own code: the same for all cases of one defect."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/probrm" in frame.filename and "/tests/" not in frame.filename]
    place = f"{re.sub('.*/(?=probrm)', '', ours[-1].filename)}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {place}"
