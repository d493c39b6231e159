"""Where a fit keeps its training states: a hidden folder beside its run, used by one fit at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from probrm.disk import place, refusal
from probrm.disk.drafts import lock
from probrm.errors import RunError


def checkpoint_of(run: str | Path) -> Path:
    """The folder of the training states of a run."""
    path = place(run)
    return path.with_name(f".{path.name}.checkpoint")


@contextmanager
def in_use(states: Path) -> Iterator[None]:
    """Keeps other fits from the same states; an empty folder of them is gone at the end.

    Raises:
        RunError: another fit has them, or the folder cannot be made.
    """
    try:
        states.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(states, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise refusal(f"--resume: {states}", error) from None
    try:
        if lock(descriptor) is False:
            raise RunError(
                f"--resume: another fit is at work on the training states in {states}",
                fix="wait until it ends, or fit into another folder",
            )
        yield
    finally:
        with suppress(OSError):
            states.rmdir()  # only where it is empty
        os.close(descriptor)


def remove_checkpoint(states: Path) -> None:
    """Once the run is saved."""
    shutil.rmtree(states, ignore_errors=True)
