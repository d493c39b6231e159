"""What a run says of its fit, shown: its files may be of another version, or of somebody who has changed them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from probrm.errors import RunError


@contextmanager
def showing(*runs: Any) -> Iterator[None]:
    """Turns what fails on the content of ``metrics.json``, ``history.json`` or the record of a saved run into a message.

    What draws and models are made of is checked when a run is opened. What a fit found is as free as models are, so it is found out here
    that a number is missing or is a text. With ``PROBRM_DEBUG`` the error is left as it is, as for runs that were never saved.

    Raises:
        RunError: names the runs, and the error.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError) as error:
        folders = [str(run.path) for run in runs if run.path is not None]
        if not folders or os.environ.get("PROBRM_DEBUG"):
            raise
        raise RunError(
            f"{', '.join(folders)}: what the fit found cannot be shown ({type(error).__name__}: {str(error)[:200]}): metrics.json, history.json or "
            "run.json were changed, or come from another version",
            fix="restore the folder from a copy, or fit again; if it is as it was saved, PROBRM_DEBUG=1 shows where this version fails",
        ) from error
