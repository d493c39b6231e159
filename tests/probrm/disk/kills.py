"""Saves that are killed at every step of theirs: run as ``python -m tests.probrm.disk.kills WHAT FALLBACK FOLDER``, which prints what was left.

Every call that reaches the disk (opening, making, renaming, removing, also the exchange) is a step, counted by Python's own audit
hooks; a child process for each step n sends itself SIGKILL as it takes step n, so nothing of Python's cleans up.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from probrm.disk import put_file, put_folder, recover, renames

NEW, OLD = {"a.bin": "new" * 5000, "run.json": "new"}, {"a.bin": "old" * 5000, "run.json": "old", "b.bin": "old"}
_STEPS = ("open", "os.", "shutil.", "exchange")


def fill(folder: Path) -> None:
    for name, content in NEW.items():
        (folder / name).write_text(content)


def is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file()


SAVES: dict[str, Callable[[], None]] = {
    "a new folder": lambda: put_folder("r", fill),
    "a folder instead of another": lambda: put_folder("r", fill, replaceable=is_run),
    "a new file": lambda: put_file("r", b"new" * 5000, overwrite=False),
    "a file instead of another": lambda: put_file("r", b"new" * 5000),
}


def state(path: Path) -> str:
    """``new``, ``old``, ``none``; anything else is a half."""
    if not os.path.lexists(path):
        return "none"
    if path.is_file():
        return {b"new" * 5000: "new", b"old" * 5000: "old"}.get(path.read_bytes(), "half a file")
    found = {file.name: file.read_text() for file in path.iterdir()}
    return "new" if found == NEW else "old" if found == OLD else f"half: {sorted(found)}"


def prepare(what: str) -> None:
    if what == "a folder instead of another":
        Path("r").mkdir()
        for name, content in OLD.items():
            (Path("r") / name).write_text(content)
    if what == "a file instead of another":
        Path("r").write_bytes(b"old" * 5000)


def killed_at(step: int, what: str) -> bool:
    """Whether the save was killed, in a child process."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, _: object) -> None:
            if event.startswith(_STEPS):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        SAVES[what]()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(what: str, fallback: bool, root: str) -> None:
    exchange = renames.exchange
    if fallback:
        renames._library = lambda: None  # type: ignore[assignment]
    else:
        import probrm.disk.put

        def told(fresh: Path, target: Path) -> bool:
            sys.audit("exchange before")
            done = exchange(fresh, target)
            sys.audit("exchange after")
            return done

        probrm.disk.put.exchange = told
    rows = []
    for step in range(1, 200):
        folder = Path(root) / str(step)
        folder.mkdir()
        os.chdir(folder)
        prepare(what)
        killed = killed_at(step, what)
        at_once, hidden = state(Path("r")), sorted(name for name in os.listdir() if name != "r")
        notes = recover("r")
        rows.append(
            {"killed": killed, "at once": at_once, "hidden": hidden, "notes": notes, "then": state(Path("r")), "left": os.listdir()}
        )
        if not killed:
            break
    print(json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "fallback", sys.argv[3])
