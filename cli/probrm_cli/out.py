"""Places that commands write to, before the work: what killed commands left there, and what is never replaced."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from probrm.errors import DataError, ProbrmError
from probrm_cli.terminal import tell


def tidy(*paths: str | Path, quiet: bool = False) -> None:
    """Removes what killed commands left beside these places, or puts it back, and says so."""
    from probrm.disk import recover

    for path in paths:
        tell(recover(path), quiet)


def inputs_of(source: str | None, *files: str | None) -> list[str]:
    """The local files that a source of data names (a file, a folder, a glob; one that cannot be listed its reader tells of), and other files."""
    from probrm.data.files.opening import is_remote
    from probrm.data.files.parts import expand

    found = [file for file in (source, *files) if file and not is_remote(file)]
    if source and not is_remote(source):
        with suppress(ProbrmError, OSError, ValueError):
            found += expand(source)
    return found


def refuse_run(path: str | Path, flag: str, raised: type[ProbrmError] = DataError) -> None:
    """Refuses a file inside a run.

    Raises:
        ProbrmError: of the type ``raised``.
    """
    import os

    from probrm.runs import MARKER

    target = Path(os.path.realpath(path))
    run = next((folder for folder in (target, *target.parents) if os.path.isfile(folder / MARKER)), None)
    if run is not None:
        raise raised(f"{flag} {path}: inside the run {run}, which is never written to", fix="name another folder")
