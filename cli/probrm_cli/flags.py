"""Flags that several commands share, and how their texts become settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from probrm.config.flags import parse_columns, parse_values
from probrm.errors import ConfigError

LARGEST_SEED = 2**63 - 1
"""That torch and numpy both take."""
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Parquet, CSV, TSV, JSON lines (.gz, .zst too); a folder, glob or URL of these; a product's export; or a hub id.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="NAME=COLUMN,…", help="Map the file's column names: prompt=question,response=answer."),
]
Values = Annotated[
    str | None,
    typer.Option("--values", metavar="VALUE=NUMBER,…", help="What values of the labels mean: good=1,bad=0,unsure=null."),
]
Preset = Annotated[str | None, typer.Option("--preset", help="Form of the file, if it is not that of the fitted file.")]
Embeddings = Annotated[
    str | None, typer.Option("--embeddings", metavar="STORE", help="Vectors made by `probrm embed`, instead of encoding.")
]
Metrics = Annotated[
    str,
    typer.Option("--metrics", metavar="NAME", help="standard, uncertainty (are intervals right?) or length (does the reward follow it?)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
CsvSafe = Annotated[
    bool,
    typer.Option(
        "--csv-safe/--no-csv-safe",
        help="In CSV output, put an apostrophe before texts that a spreadsheet would run (=, +, -, @ or a tab first).",
    ),
]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="Folder of the run, as `probrm fit` printed it.")]


def spec_of(recipe: Any, run: Any, source: str, columns: str | None, preset: str | None, values: str | None = None, *, truth: bool) -> Any:
    """How a run's command reads a file: as the fit read its own but for what the flags say, or as the other kind of file that it is.

    Args:
        recipe: of the run.
        run: a fitted run.
        source: the file.
        columns: the flag.
        preset: the flag.
        values: the flag.
        truth: whether rows with a known truth are wanted.

    Raises:
        ConfigError: a flag has an unknown name or a value that is not allowed.
        DataError: the file cannot be read.
    """
    from probrm.recipes.other_files import other_spec

    said: dict[str, Any] = {} if columns is None else {"columns": parse_columns(columns)}
    said |= {"preset": preset} if preset else {}
    said |= {} if values is None else {"values": parse_values(values)}
    other = other_spec(run, recipe.fitted_to, source, said, truth=truth)
    return recipe.read_spec(overridden(run.config["data"], columns, preset, values)) if other is None else other


def overridden(base: dict[str, Any], columns: str | None, preset: str | None, values: str | None = None) -> dict[str, Any]:
    """A run's way of reading its file, with what the flags say otherwise about another file."""
    changed = dict(base)
    if columns is not None:
        changed["columns"] = base["columns"] | parse_columns(columns)
    if preset is not None:
        changed["preset"] = preset or None  # --preset '' reads another file without the fit's
    if values is not None:
        if "values" not in base:
            raise ConfigError("--values: this model is fitted to pairs, which have no values to name", fix="leave --values out")
        changed["values"] = base["values"] | parse_values(values)
    return changed
