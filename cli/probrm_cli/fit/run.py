"""What every ``probrm fit`` does once its flags are read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import typer

from probrm.config import FitConfig, build_config
from probrm.data import file_hash
from probrm.errors import NotIdentifiedError, RunError
from probrm.runs import MARKER, Run, choose_folder, find_recipe, finite, free_folder, load, save_modes
from probrm_cli.fit.flags import Request
from probrm_cli.tables import print_posterior
from probrm_cli.terminal import print_json, progress, tell


def fit_model(request: Request) -> None:
    """Settings, fit, run on disk, and what was found."""
    recipe = find_recipe(request.kind)
    config = build_config(recipe, toml=request.config, flags=request.settings, sets=request.sets or ())
    run = _finished(request, config) if request.resume and request.out else None
    if run is None:
        path = choose_folder(request.out, request.kind, request.data, overwrite=request.overwrite)
        bars = progress(request.quiet or request.as_json)
        states = Path(os.path.abspath(path))
        states = states.with_name(f".{states.name}.checkpoint") if request.resume else None
        try:
            run = recipe.fit(request.data, config, embeddings=request.embeddings, checkpoint=states, progress=bars)
        except NotIdentifiedError as error:
            _keep_modes(error, path, request)
            raise
        if not request.overwrite and (path / MARKER).exists():  # another fit took the name meanwhile: both are kept
            path = free_folder(path)
        run.save(path, overwrite=request.overwrite)
        if states:
            shutil.rmtree(states, ignore_errors=True)
    tell(run.record["notes"], request.quiet)
    if request.as_json:
        print_json({"run": str(run.path), **run.metrics, "notes": run.record["notes"], "seconds": run.record["seconds"]})
        return
    if not request.quiet:
        print_posterior(run)
        for line in recipe.headline(run):
            typer.echo(line)
    typer.echo(f"run: {run.path}")


def _keep_modes(error: NotIdentifiedError, path: Path, request: Request) -> None:
    """Saves what could not be distinguished; the error says where."""
    if not error.modes:
        return
    if not request.overwrite and path.exists() and any(path.iterdir()):
        path = free_folder(path)
    save_modes(error.modes, path, overwrite=request.overwrite)
    where = [str(run.path) for run in error.modes]
    error.what += f"\n  saved: {', '.join(where)}"
    first = error.modes[0]
    tell(first.record["notes"], request.quiet)
    if request.as_json:
        print_json({"run": None, "modes": where, **first.metrics, "notes": first.record["notes"], "seconds": first.record["seconds"]})


def _finished(request: Request, config: FitConfig) -> Run | None:
    """The run in ``--out``, if it is the one that is asked for.

    Raises:
        RunError: it is another one.
    """
    path = Path(str(request.out))
    if request.overwrite or not (path / MARKER).exists():
        return None
    run = load(path)
    same_data = run.record["data"]["sha256"] == file_hash(request.data)
    if run.kind == request.kind and same_data and run.config == finite(config.to_dict()):
        tell([f"{path} holds this fit already: nothing was done"], request.quiet)
        return run
    what = "settings" if same_data else "data"
    raise RunError(f"--resume: the run in {path} has other {what}", fix="name another folder, or replace the run with --overwrite")
