"""``probrm acquire``: which answers to have labelled."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import Columns, CsvSafe, Data, Embeddings, Json, Preset, Quiet, RunFolder, spec_of

_SHOWN = 10


def acquire(
    run: RunFolder,
    data: Data,
    budget: Annotated[int, typer.Option("--budget", min=1, max=10_000, help="How many answers.")] = 20,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Where to write them: Parquet, CSV or JSON lines; with --to, JSON.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="argilla|label-studio", help="As tasks of this tool, with our guesses.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="RUN", help="Another tied mode of the same fit; may be repeated."),
    ] = None,
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    csv_safe: CsvSafe = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Choose the answers whose explicit labels would teach most.

    They are written with the best first, as a table or as tasks of a labelling tool; `probrm fit --labels FILE` reads the answers back.
    """
    from probrm.errors import ConfigError, DataError
    from probrm.recipes.labelling import TOOLS, answers_to_label, tasks

    if to is not None and to not in TOOLS:
        raise ConfigError(f"--to {to}: no such tool; allowed: {', '.join(TOOLS)}", fix="leave --to out for a plain table")
    if to is not None and (out is None or not out.endswith(".json")):
        raise ConfigError(f"--to {to}: tasks are one JSON file; found --out {out}", fix="--out tasks.json")
    from probrm.data import check_target, write_table
    from probrm.disk import check_file
    from probrm.runs import find_recipe, load, replace_file
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.spreadsheets import without_formulas
    from probrm_cli.terminal import number, print_json, print_table, progress, say, tell

    if out is not None:
        tidy(out, quiet=quiet)
        inputs = inputs_of(data, embeddings)
        if to is None:
            check_target(out, overwrite=overwrite, inputs=inputs)
        else:
            check_file(out, overwrite=overwrite, inputs=inputs, raised=DataError)
        refuse_run(out, "--out")
    fitted = load(run)
    others = [load(other) for other in also or ()]
    recipe = find_recipe(fitted.kind)
    spec = spec_of(recipe, fitted, data, columns, preset, truth=False)
    bars = progress(quiet or as_json)
    chosen = answers_to_label([fitted, *others], data, spec, budget=budget, embeddings=embeddings, progress=bars)
    notes = list(chosen.notes)
    if out is not None and to is not None:
        replace_file(out, tasks(chosen, to, f"probrm {fitted.kind}").encode(), overwrite=overwrite)
    elif out is not None:
        table, told = without_formulas(chosen.table, out) if csv_safe else (chosen.table, [])
        write_table(table, out, overwrite=overwrite)
        notes += told
    tell(notes, quiet)
    rows = chosen.table.to_pylist()
    total = sum(row["gain"] for row in rows)
    if as_json:
        print_json({"out": out, "answers": rows if out is None else len(rows), "information": total, "notes": notes})
        return
    if not quiet:
        shown = [(row["id"], number(row["probability"], 2), number(row["information"], 3), number(row["gain"], 3)) for row in rows[:_SHOWN]]
        print_table("", ("id", "P(good)", "information, nats", "added to those above"), shown)
    say(f"{len(rows)} answers to label, {total:.2f} nats together" + (f": {out}" if out else ""))
    if out is not None and to is None and not quiet:
        say(f"fill a column label with 1 (good) or 0 (bad), and fit with --labels {out}")
