"""What every ``probrm fit`` does once its flags are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from probrm.config import FitConfig, build_config
from probrm.data import file_hash
from probrm.errors import RunError
from probrm.runs import MARKER, Run, choose_folder, find_recipe, finite, free_folder, load
from probrm_cli.tables import print_posterior
from probrm_cli.terminal import interval, number, print_json, progress, tell


@dataclass(frozen=True)
class Request:
    """The flags of one fit; ``flags`` in the shape of the TOML file, None for what was not given."""

    kind: str
    source: str
    flags: Mapping[str, Any]
    toml: str | None
    sets: list[str]
    out: str | None
    embeddings: str | None
    overwrite: bool
    resume: bool
    quiet: bool
    as_json: bool


def fit_model(request: Request) -> None:
    """Settings, fit, run on disk, and what was found."""
    recipe = find_recipe(request.kind)
    config = build_config(recipe, toml=request.toml, flags=_given(request.flags), sets=request.sets)
    run = _finished(request, config) if request.resume and request.out else None
    if run is None:
        path = choose_folder(request.out, request.kind, request.source, overwrite=request.overwrite)
        bars = progress(request.quiet or request.as_json)
        states = Path(os.path.abspath(path))
        states = states.with_name(f".{states.name}.checkpoint") if request.resume else None
        run = recipe.fit(request.source, config, embeddings=request.embeddings, checkpoint=states, progress=bars)
        if not request.overwrite and (path / MARKER).exists():  # another fit took the name meanwhile: both are kept
            path = free_folder(path)
        run.save(path, overwrite=request.overwrite)
        if states:
            shutil.rmtree(states, ignore_errors=True)
    tell(run.record["notes"], request.quiet)
    if request.as_json:
        print_json({"run": str(run.path), **run.metrics, "notes": run.record["notes"], "seconds": run.record["seconds"]})
    else:
        _report(run, request.quiet)
        typer.echo(f"run: {run.path}")


def _finished(request: Request, config: FitConfig) -> Run | None:
    """The run in ``--out``, if it is the one that is asked for.

    Raises:
        RunError: it is another one.
    """
    path = Path(str(request.out))
    if request.overwrite or not (path / MARKER).exists():
        return None
    run = load(path)
    same_data = run.record["data"]["sha256"] == file_hash(request.source)
    if run.kind == request.kind and same_data and run.config == finite(config.to_dict()):
        tell([f"{path} holds this fit already: nothing was done"], request.quiet)
        return run
    what = "settings" if same_data else "data"
    raise RunError(f"--resume: the run in {path} has other {what}", fix="name another folder, or replace the run with --overwrite")


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not given."""
    result = {}
    for key, value in flags.items():
        kept = _given(value) if isinstance(value, Mapping) else value
        if kept is not None and kept != {}:
            result[key] = kept
    return result


def _report(run: Run, quiet: bool) -> None:
    if quiet:
        return
    print_posterior(run)
    found = run.metrics["diagnostics"]
    if share := found.get("mean_preference"):
        typer.echo(f"share of the log's answers that are preferred: {number(share['mean'])} {interval(share['low'], share['high'])}")
    if found["held_out_rows"]:
        ours, naive = found["held_out_log_likelihood"], found.get("naive_held_out_log_likelihood")
        beside = f"; the naive model: {number(naive, 4)}" if naive is not None else ""
        typer.echo(f"log-likelihood of {found['held_out_rows']} held-out actions, nats a row: {number(ours, 4)}{beside}")
