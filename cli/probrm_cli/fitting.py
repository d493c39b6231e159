"""What every ``probrm fit`` does once its flags are read."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from probrm.config import build_config
from probrm.errors import ConfigError
from probrm.runs import Run, choose_folder, find_recipe
from probrm_cli.tables import print_posterior
from probrm_cli.terminal import number, print_json, progress, tell


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
    if request.resume and request.out is None:
        raise ConfigError("--resume needs --out: a new folder has nothing to go on from", fix="name the folder of the interrupted fit: --out RUN --resume")
    path = choose_folder(request.out, request.kind, request.source, overwrite=request.overwrite)
    bars = progress(request.quiet or request.as_json)
    checkpoint = path.with_name(f".{path.name}.checkpoint") if request.resume else None
    run = recipe.fit(request.source, config, embeddings=request.embeddings, checkpoint=checkpoint, progress=bars)
    run.save(path)
    if checkpoint:
        shutil.rmtree(checkpoint, ignore_errors=True)
    tell(run.record["notes"], request.quiet)
    if request.as_json:
        print_json({"run": str(path), **run.metrics, "notes": run.record["notes"], "seconds": run.record["seconds"]})
    else:
        _report(run, request.quiet)
        typer.echo(f"run: {path}")


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
    if found["held_out_rows"]:
        ours, naive = found["held_out_log_likelihood"], found.get("naive_held_out_log_likelihood")
        beside = f"; the naive model: {number(naive, 4)}" if naive is not None else ""
        typer.echo(f"log-likelihood of {found['held_out_rows']} held-out actions, nats a row: {number(ours, 4)}{beside}")
