"""Numbers and names as a reader wants them."""

from __future__ import annotations

import math
import os
import re
from typing import Any

from probrm.runs.run import Run

# C0 and C1 controls but tab and line feed, and halves of surrogate pairs: no HTML file may hold them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Marks that turn the direction of what follows, so that a text could rearrange the page around it.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def number(value: Any, digits: int = 3) -> str:
    """Fixed digits with a true minus; a dash for what is not defined, all digits of a whole number."""
    if value is None or isinstance(value, str):
        return value or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f").replace("-", "−")
    if not math.isfinite(value):
        return "–"
    small = value != 0 and abs(value) < 0.5 * 10**-digits
    return (f"{value:.1e}" if small or abs(value) >= 1e6 else f"{value:.{digits}f}").replace("-", "−")


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """``[low, high]``."""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def seconds(value: float) -> str:
    """A length of time."""
    return f"{value:.1f} s" if value < 90 else f"{value / 60:.1f} min"


def spaced(name: str) -> str:
    """A name in code as words: ``held_out_rows`` → ``held out rows``."""
    return name.replace("_", " ")


def inert(text: str) -> str:
    """A text of unknown origin as an HTML file can hold it; escaping is the template's part."""
    return _TURNS.sub("", _CONTROLS.sub("�", text))


def basename(path: str | None) -> str:
    """The last part of a path, so that a report does not tell how its writer's machine is laid out."""
    return os.path.basename((path or "").rstrip("/\\")) or (path or "")


def without_paths(run: Run, text: str) -> str:
    """``text`` with the paths that the run has noted down cut to their last part."""
    encoder = run.record.get("encoder", {})
    known = (run.record["data"].get("source"), encoder.get("embeddings"), run.config.get("encoder", {}).get("name"))
    for path in sorted((p for p in known if isinstance(p, str) and os.path.isabs(p)), key=len, reverse=True):
        text = text.replace(path, basename(path))
    return text
