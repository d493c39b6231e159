"""JSON files of an encoder's folder, which may come from anybody: of bounded size and depth."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from probrm.errors import EncoderError

_MOST = 64 * 2**20
"""Bytes; the index of the largest models has two megabytes."""


def read_table(path: Path, label: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        EncoderError: the file is something else, cannot be read, or is damaged.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no plain file")
        if status.st_size > _MOST:
            raise ValueError(f"it has {status.st_size} bytes; allowed: up to {_MOST}")
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}; allowed: a table")
    except RecursionError:
        raise _damaged(path, label, "it is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise _damaged(path, label, getattr(error, "strerror", None) or str(error)[:200]) from None
    return found


def _damaged(path: Path, label: str, reason: str) -> EncoderError:
    return EncoderError(f"encoder '{label}': {path} is damaged: {reason}", fix="save or download the model again")
