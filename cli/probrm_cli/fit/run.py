"""What every ``probrm fit`` does once its flags are read."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from probrm.config import FitConfig, build_config, merge
from probrm.data import file_hash
from probrm.errors import ConfigError, NotIdentifiedError, RunError
from probrm.runs import MARKER, Run, RunTakenError, choose_folder, find_recipe, finite, load, save_modes
from probrm.runs.checkpoints import checkpoint_of, in_use, remove_checkpoint
from probrm_cli.fit.flags import EXPORTABLE, Request
from probrm_cli.out import tidy
from probrm_cli.tables import print_posterior
from probrm_cli.terminal import print_json, progress, say, tell


def fit_model(request: Request) -> None:
    """Settings, fit, run on disk, and what was found."""
    recipe = find_recipe(request.kind)
    flags = merge(EXPORTABLE, request.settings) if request.exportable else request.settings
    config = build_config(recipe, toml=request.config, flags=flags, sets=request.sets or ())
    if request.exportable:
        _check_exportable(request, config)
    if request.out is not None:
        tidy(request.out, quiet=request.quiet)
    run = _finished(request, config) if request.resume and request.out else None
    if run is None:
        path = choose_folder(request.out, request.kind, request.data, overwrite=request.overwrite)
        states = checkpoint_of(path)
        if os.path.isdir(states) and not request.resume:
            tell([f"{states}: training states of a fit that did not end; --resume goes on from them"], request.quiet)
        bars = progress(request.quiet or request.as_json)
        with in_use(states) if request.resume else nullcontext():
            try:
                kept = states if request.resume else None
                run = recipe.fit(request.data, config, embeddings=request.embeddings, checkpoint=kept, progress=bars)
            except NotIdentifiedError as error:
                _keep_modes(error, path, request)
                raise
            _save(run, path, request)
            if request.resume:
                remove_checkpoint(states)
    tell(run.record["notes"], request.quiet)
    if request.as_json:
        print_json({"run": str(run.path), **run.metrics, "notes": run.record["notes"], "seconds": run.record["seconds"]})
        return
    if not request.quiet:
        print_posterior(run)
        for line in recipe.headline(run):
            say(line)
    say(f"run: {run.path}")


def _check_exportable(request: Request, config: FitConfig) -> None:
    """Refuses settings that contradict --exportable.

    Raises:
        ConfigError: names them.
    """
    if request.embeddings is not None:
        raise ConfigError(
            f"--exportable: the vectors of {request.embeddings} were made with settings of their own",
            fix="leave --exportable out, or leave --embeddings out, so that the fit encodes the texts",
        )
    for name, value in EXPORTABLE["encoder"].items():
        if (found := getattr(config.encoder, name)) != value:
            raise ConfigError(f"--exportable: encoder.{name} is {found!r}; it has to be {value!r}", fix=f"leave encoder.{name} out")


def _save(run: Run, path: Path, request: Request) -> None:
    """Under its name; a name that was made up here, and that another fit took meanwhile, is counted on."""
    try:
        run.save(path, overwrite=request.overwrite, keep=True)
    except RunTakenError as error:
        if request.out is not None:
            raise
        run.path = error.kept


def _keep_modes(error: NotIdentifiedError, path: Path, request: Request) -> None:
    """Saves what could not be distinguished; the error says where."""
    if not error.modes:
        return
    try:
        save_modes(error.modes, path, overwrite=request.overwrite, keep=True)
    except RunTakenError as taken:
        for i, run in enumerate(error.modes, 1):
            run.path = taken.kept / f"mode-{i}"
    where = [str(run.path) for run in error.modes]
    error.more.append(f"saved: {', '.join(where)}")
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
    if request.overwrite or not os.path.exists(path / MARKER):  # os.path says no to names too long, where pathlib raises
        return None
    run = load(path)
    same_data = run.record["data"]["sha256"] == file_hash(request.data)
    if run.kind == request.kind and same_data and run.config == finite(config.to_dict()):
        tell([f"{path} holds this fit already: nothing was done"], request.quiet)
        return run
    what = "settings" if same_data else "data"
    raise RunError(f"--resume: the run in {path} has other {what}", fix="name another folder, or replace the run with --overwrite")
