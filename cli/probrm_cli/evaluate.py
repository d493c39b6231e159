"""``probrm evaluate``: a run against the truth."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import Columns, Data, Embeddings, Json, Preset, Quiet, RunFolder, overridden


def evaluate(
    run: RunFolder,
    data: Data,
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", help="Resamples behind the intervals.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.")] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Metrics against the file's labels, beside the naive model (the action taken for the label)."""
    from probrm.data import LogSpec
    from probrm.runs import find_recipe, load
    from probrm_cli.tables import print_evaluation
    from probrm_cli.terminal import print_json, progress, tell

    fitted = load(run)
    spec = LogSpec.from_dict(overridden(fitted.config["data"], columns, preset))
    bars = progress(quiet or as_json)
    found, notes = find_recipe(fitted.kind).evaluate(
        fitted, data, spec, embeddings=embeddings, bootstrap=bootstrap, seed=seed, progress=bars
    )
    tell([*notes, *found.notes], quiet)
    if as_json:
        print_json(found.to_dict())
    else:
        print_evaluation(found)
