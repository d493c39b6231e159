"""The console script: runs a command, and turns errors into messages and exit codes."""

from __future__ import annotations

import _thread
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from probrm.errors import ProbrmError
from probrm_cli.app import app
from probrm_cli.terminal import say, say_error

INTERRUPTED = 130
USAGE: type[Exception] = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")
"""What a wrong flag raises. Some versions of typer bring a click of their own, so click's class is not always it."""


def main() -> None:
    """The console script: runs a command; errors become one message and an exit code, never a traceback."""
    # Spinning OpenMP workers slow small steps down many times; the tokenizers' threads warn after a fork.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not os.environ.get("PROBRM_DEBUG"):
        import warnings

        warnings.filterwarnings("ignore")
    for stream in (sys.stdout, sys.stderr):  # a terminal without our letters gets others, no traceback
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    with _insistent_interrupts():
        try:
            code = _run()
            sys.stdout.flush()
        except BrokenPipeError:  # the same, found out late
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
    sys.exit(code)


@contextmanager
def _insistent_interrupts() -> Iterator[None]:
    """Ctrl-C that falls into a destructor is dropped by Python, and the command would run on: here it is raised again."""
    previous = sys.unraisablehook
    again: list[threading.Timer] = []

    def insist(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            previous(unraisable)
            return
        again.append(threading.Timer(0.05, _thread.interrupt_main))  # raised here, it would be dropped once more
        again[-1].start()

    sys.unraisablehook = insist
    try:
        yield
    finally:
        sys.unraisablehook = previous
        for timer in again:
            timer.cancel()


def _run() -> int:
    try:
        code = app(standalone_mode=False)
    except ProbrmError as error:
        say_error(error)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except USAGE as error:
        _show_usage(error)
        return 2
    except SystemExit:  # typer and rich leave this way when the reader of our output (head, less) has gone
        return 0
    if code == INTERRUPTED:  # typer turns Ctrl-C into it
        kept = "the checkpoint is kept: the same command goes on from it" if "--resume" in sys.argv else "nothing was saved"
        say(f"interrupted: {kept}; what was encoded is kept in the cache", err=True)
    return code if isinstance(code, int) else 0


def _show_usage(error: Any) -> None:
    """A wrong flag in the form of all our errors; a command group without a command shows its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    command = error.ctx.command_path if getattr(error, "ctx", None) else "probrm"
    message = error.format_message()
    if hasattr(error.__cause__, "errors"):  # pydantic's, which knows what was given
        message += f"; found {error.__cause__.errors()[0]['input']!r}"
    say_error(ProbrmError(f"{command}: {message}", fix=f"{command} --help lists what there is"))
