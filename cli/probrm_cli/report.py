"""``probrm report``: a run as a page to hand on."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from probrm_cli.flags import Columns, Embeddings, Json, Preset, Quiet, RunFolder, spec_of


def report(
    run: RunFolder,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.html", help="Where to write it (default: RUN.html next to the run).")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="FILE", help="Rows with a known truth, to compare the run with.")] = None,
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write one HTML page about a run.

    A colleague can open it without a network: data, model, training, effects, calibration, caveats.
    """
    from probrm.errors import ConfigError, RunError
    from probrm.report import make_report
    from probrm.report.target import choose_file
    from probrm.runs import find_recipe, load, replace_file
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.terminal import print_json, progress, say, tell

    if data is None and (columns or preset or embeddings):
        flag = "--columns" if columns else "--preset" if preset else "--embeddings"
        raise ConfigError(f"{flag}: it is about the file of --data, which is not given", fix="name the file too: --data FILE")
    tidy(out or f"{os.path.abspath(run)}.html", quiet=quiet)
    target = choose_file(run, out, overwrite=overwrite, inputs=inputs_of(data, embeddings))
    refuse_run(target, "--out", RunError)
    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    spec = spec_of(recipe, fitted, data, columns, preset, truth=True) if data is not None else None
    made = make_report(fitted, recipe, data=data, spec=spec, embeddings=embeddings, progress=progress(quiet or as_json))
    replace_file(target, made.html, overwrite=overwrite)
    if as_json:
        told = {"sections": made.sections, "missing": made.missing, "trust": made.trust, "doubts": made.doubts}
        print_json({"report": str(target), "bytes": len(made.html), **told})
        return
    tell([f"missing from the report: {line}" for line in made.missing], quiet)
    say(f"report: {target}")
