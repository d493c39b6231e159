"""The process that renders chat templates: run with the limits on its memory and time that stop it where nothing else would.

A template is a program that came with a model. It is confined by jinja's sandbox; what that does not bound (``'x' * 10**10``, loops
in loops, a power of a power) ends this process and not the one that asked. Requests and answers are lines of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SECONDS = 2
"""Of the processor for one rendering; a template takes a thousandth."""
_BYTES = 2**29
"""Beyond what the process has when it begins."""
_LONGEST = 1_000_000
"""Characters of a rendered conversation without its texts."""


def main() -> None:
    """Answers until the asking process closes the pipe."""
    from transformers.utils.chat_template_utils import render_jinja_template

    _bound_memory()
    for line in sys.stdin:
        _bound_time()
        try:
            asked = json.loads(line)
            rendered, _ = render_jinja_template(conversations=[asked["messages"]], chat_template=asked["template"], **asked["named"])
            answer = {"text": rendered[0] if len(rendered[0]) <= _LONGEST else None}
        except Exception:  # whatever a template does: it cannot be used then
            answer = {"text": None}
        print(json.dumps(answer), flush=True)


def _bound_memory() -> None:
    try:
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _BYTES, now + _BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # no such limits here: the asking process waits no longer than its own
        pass


def _bound_time() -> None:
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + SECONDS, resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
