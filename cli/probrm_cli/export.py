"""``probrm export``: a fitted reward as a folder for other programs."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated, Any

import typer

from probrm_cli.flags import Columns, Json, Preset, Quiet, RunFolder, spec_of


def export(
    run: RunFolder,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A new folder.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="sentence-transformers|transformers",
            help="A CrossEncoder, or a model for AutoModelForSequenceClassification (vLLM, TRL, OpenRLHF).",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FILE", help="Rows with a known truth: their metrics and calibration go into the model card."),
    ] = None,
    columns: Columns = None,
    preset: Preset = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the mean reward as a model folder for other programs.

    The folder needs no code of ours. It is reloaded and compared with the run before it is handed out; what cannot be exact is refused, with
    what to do instead.
    """
    from probrm.errors import ConfigError
    from probrm.exports.export import TARGETS, check_export

    target: Any = next((name for name in TARGETS if name == to), None)
    if target is None:
        raise ConfigError(f"--to {to}: no such form; allowed: {', '.join(TARGETS)}", fix=f"--to {TARGETS[0]}")
    from pathlib import Path

    from probrm.exports import export_run
    from probrm.runs import find_recipe, load
    from probrm_cli.out import refuse_run, tidy
    from probrm_cli.terminal import print_json, progress, say, tell

    if data is None and (columns or preset):
        raise ConfigError(
            f"{'--columns' if columns else '--preset'}: it is about the file of --data, which is not given",
            fix="name the file too: --data FILE",
        )
    tidy(folder, quiet=quiet)
    check_export(Path(folder), overwrite=overwrite)
    refuse_run(folder, "FOLDER", ConfigError)
    fitted, evaluation = load(run), None
    if data is not None:
        recipe = find_recipe(fitted.kind)
        spec = spec_of(recipe, fitted, data, columns, preset, truth=True)
        evaluation, notes = recipe.evaluate(fitted, data, spec, progress=progress(quiet or as_json))
        tell(notes, quiet)
    # Whoever gets the folder need not know where things lie here.
    command = shlex.join(["probrm", *(os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv[1:])])
    found = export_run(fitted, folder, to=target, overwrite=overwrite, command=command, evaluation=evaluation)
    tell(found.notes, quiet)
    if as_json:
        print_json(
            {"folder": str(found.path), "to": target, "difference": found.difference, "intercept": found.intercept, "notes": found.notes}
        )
        return
    say(f"tried on built-in texts: scores within {found.difference:.1e} logits of probrm's")
    say(f"export: {found.path}")
