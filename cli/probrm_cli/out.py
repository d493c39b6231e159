"""Places that commands write to, before the work: what killed commands left there, and what is never replaced."""

from __future__ import annotations

from pathlib import Path

from probrm.errors import DataError, ProbrmError
from probrm_cli.terminal import tell


def tidy(*paths: str | Path, quiet: bool = False) -> None:
    """Removes what killed commands left beside these places, or puts it back, and says so."""
    from probrm.disk import recover

    for path in paths:
        tell(recover(path), quiet)


def inputs_of(*sources: str | None) -> list[str]:
    """The local files that these sources name: files, folders, globs; none of a source that cannot be listed, which its reader tells."""
    from probrm.data.files.opening import is_remote
    from probrm.data.files.parts import expand

    found = []
    for source in sources:
        if source and not is_remote(source):
            try:
                found += [source, *expand(source)]
            except (ProbrmError, OSError, ValueError):
                found.append(source)
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
