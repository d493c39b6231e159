"""Chat templates rendered in a process of their own, which may be stopped."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

_WAIT = 60.0
"""Seconds for an answer, whatever else the machine does; the worker's own limit is on the processor's time."""


def render_template(template: str, named: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> str | None:
    """A rendered conversation; None where the template fails, runs on, or takes too much memory.

    Args:
        template: its text.
        named: what else it may ask for by name: special tokens, a day.
        messages: with ``role`` and ``content``.
    """
    return _answer(json.dumps({"template": template, "named": dict(named), "messages": list(messages)}, default=str))


@functools.lru_cache(maxsize=1024)
def _answer(asked: str) -> str | None:
    with _LOCK:
        return _WORKER.ask(asked)


class _Worker:
    """The process, begun at the first request and again after one that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def ask(self, asked: str) -> str | None:
        process = self._started()
        timer = threading.Timer(_WAIT, process.kill)
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(asked + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:  # it has ended
            answer = ""
        finally:
            timer.cancel()
        if not answer.endswith("\n"):
            self.end()
            return None
        return json.loads(answer)["text"]

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._owner != os.getpid():  # a forked process must not talk into its parent's pipes
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "probrm.encoders.template_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1"},
            )
        return self._process

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


_WORKER, _LOCK = _Worker(), threading.Lock()
atexit.register(_WORKER.end)
