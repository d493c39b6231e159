"""The files that ``probrm posterior`` writes: draws for ArviZ, figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probrm.progress import Progress
    from probrm.recipes import Recipe
    from probrm.runs import Run
    from probrm.runs.fitted_rows import FittedRows


def write_draws(run: Run, rows: FittedRows | None, path: str, progress: Progress) -> None:
    """All groups that there are, as the file that ``arviz.from_netcdf`` opens.

    Raises:
        RunError: the path cannot be written.
    """
    from probrm.posterior import netcdf_bytes
    from probrm.runs import finite, replace_file

    groups = run.groups(rows, progress=progress)
    if psis := run.record.get("psis"):  # a file tells by itself that its draws are not the guide's
        groups = {name: group.assign_attrs(psis=json.dumps(finite(psis))) for name, group in groups.items()}
    replace_file(path, netcdf_bytes(groups))


def check_target(path: str, flag: str) -> None:
    """Refuses to write into a run, and over a file that is not one of ArviZ's.

    Raises:
        RunError: says which.
    """
    from probrm.disk import check_file
    from probrm.errors import RunError
    from probrm_cli.out import refuse_run, tidy

    tidy(path)
    if flag == "--plots":
        if os.path.lexists(path) and not os.path.isdir(path):
            raise RunError(f"{flag} {path}: a file; allowed: a folder, which may be new", fix="name a folder for the figures")
        refuse_run(path, flag, RunError)
        check_file(os.path.join(path, "figure.png") if path.strip() else path, overwrite=True, flag=flag)
        return
    refuse_run(path, flag, RunError)
    check_file(path, overwrite=True, flag=flag)
    if os.path.isfile(path) and _start(path) not in (b"\x89HDF", b"CDF\x01", b"CDF\x02"):
        raise RunError(f"{flag} {path}: the file is there already and is no NetCDF file, so it is kept", fix="name another file")


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def write_figures(recipe: Recipe, run: Run, rows: FittedRows | None, folder: str) -> Iterator[str]:
    """Every figure of the model as a PNG file; gives its path when it is written.

    Raises:
        RunError: the folder cannot be written.
    """
    from probrm.figures import save_png
    from probrm.runs import replace_file

    for name, figure in recipe.figures(run, rows).items():
        path = Path(folder) / f"{name}.png"
        replace_file(path, save_png(figure, dpi=120))
        yield str(path)
