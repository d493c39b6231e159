"""``probrm score``: rewards for the rows of a file."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import Columns, CsvSafe, Data, Embeddings, Json, Preset, Quiet, RunFolder, spec_of


def score(
    run: RunFolder,
    data: Data,
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Parquet, CSV or JSON lines: the rows with their rewards.")],
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="NAME=X,…",
            help="Weights of the run's objectives, instead of each prompt's own: helpfulness=0.7,safety=0.3.",
        ),
    ] = None,
    csv_safe: CsvSafe = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add rewards and their intervals to the rows of a file.

    Rows keep their order. Pairs get the probability of the chosen answer, too; every run scores logs and pairs.
    """
    from probrm.config.flags import parse_weights
    from probrm.data import check_target, write_table
    from probrm.runs import find_recipe, load
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.spreadsheets import without_formulas
    from probrm_cli.terminal import print_json, progress, say, tell

    tidy(out, quiet=quiet)
    check_target(out, overwrite=overwrite, inputs=inputs_of(data, embeddings))
    refuse_run(out, "--out")
    given = None if weights is None else parse_weights(weights)
    fitted = load(run) if given is None else load(run).reweighted(given)
    recipe = find_recipe(fitted.kind)
    spec = spec_of(recipe, fitted, data, columns, preset, truth=False)
    table, notes = recipe.score(fitted, data, spec, embeddings=embeddings, progress=progress(quiet or as_json))
    scored = table.num_rows - table.column(table.num_columns - 1).null_count  # what is scored stands at the end
    if csv_safe:
        table, told_of_texts = without_formulas(table, out)
        notes = [*notes, *told_of_texts]
    write_table(table, out, overwrite=overwrite)
    tell(notes, quiet)
    if as_json:
        told = {"out": out, "rows": table.num_rows, "scored": scored, "notes": notes}
        print_json(told if given is None else told | {"weights": fitted.record["weights"]})
    elif not quiet:
        say(f"{scored} of {table.num_rows} rows scored: {out}")
