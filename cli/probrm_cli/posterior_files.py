"""The files that ``probrm posterior`` writes: draws for ArviZ, figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probrm.progress import Progress
    from probrm.runs import Recipe, Run
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


def write_figures(recipe: Recipe, run: Run, rows: FittedRows | None, folder: str) -> Iterator[str]:
    """Every figure of the model as a PNG file; gives its path when it is written.

    Raises:
        RunError: the folder cannot be written.
    """
    from probrm.runs import replace_file

    for name, figure in recipe.figures(run, rows).items():
        picture = BytesIO()
        figure.savefig(picture, format="png", dpi=120)
        path = Path(folder) / f"{name}.png"
        replace_file(path, picture.getvalue())
        yield str(path)
