"""What ``probrm compare`` does once its flags are read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probrm.config import build_config
from probrm.data.files.hints import did_you_mean
from probrm.errors import ConfigError, ProbrmError, RunError
from probrm.runs import MARKER, Run, choose_folder, find_recipe, load, recipe_names
from probrm.runs.showing import showing
from probrm_cli.compare.tables import held_out_dict, print_comparison, print_held_out, print_loo, to_dict
from probrm_cli.flags import spec_of
from probrm_cli.out import tidy
from probrm_cli.terminal import print_json, progress, tell

if TYPE_CHECKING:
    from probrm.recipes.loo_comparison import LooComparison


@dataclass(frozen=True)
class Comparison:
    """What is asked for; the attributes are the command's flags.

    ``reading`` is the ``[data]`` table that the flags make for models to be fitted; ``columns``, ``preset`` and ``values`` as given also
    change how runs read ``data``. ``shared`` says that ``columns`` are those of ``log``, too.
    """

    models: Sequence[str]
    data: str | None
    metrics: str
    log: str | None
    reading: Mapping[str, Any]
    columns: str | None
    shared: bool
    preset: str | None
    values: str | None
    encoder: str | None
    embeddings: str | None
    sets: Sequence[str]
    out: str | None
    overwrite: bool
    bootstrap: int
    seed: int
    quiet: bool
    as_json: bool


def run_comparison(asked: Comparison) -> None:
    """Loads and fits, checks that the models can be compared, compares, prints.

    Raises:
        ConfigError: fewer than two models, an unknown one, one named twice, or no ``--log`` for one that is to be fitted.
        RunError: models of logs together with models of pairs; a run that cannot be read; held-out rows that are not the same.
        ProbrmError: from a fit, with the model's name before it.
    """
    to_fit = _names(asked)
    _check_metrics(asked)
    bars = progress(asked.quiet or asked.as_json)
    runs = {name: load(name) for name in asked.models if name not in to_fit}
    _check_kinds({name: run.kind for name, run in runs.items()} | {name: name for name in to_fit})
    configs = {name: _config(name, asked) for name in to_fit}  # all of them before the first fit
    with showing(*runs.values()):
        _check_labels(runs, to_fit, asked)
    for name in to_fit:
        try:
            runs[name] = find_recipe(name).fit(str(asked.log), configs[name], embeddings=asked.embeddings, progress=bars)
        except ProbrmError as error:
            error.what = f"{name}: {error.what}"
            raise
        tell([f"{name}: {note}" for note in runs[name].metrics.get("identifiability", {}).get("notes", [])], asked.quiet)
    if asked.out is not None:
        _save([(runs[name], Path(asked.out) / name) for name in to_fit], asked.overwrite)
    try:
        _compare({name: runs[name] for name in asked.models}, asked)
    except ProbrmError as error:
        if asked.out is not None:
            error.more.append(f"fitted and kept: {', '.join(os.path.join(asked.out, name) for name in to_fit)}")
        raise


def _compare(runs: dict[str, Run], asked: Comparison) -> None:
    """Compares and prints."""
    bars = progress(asked.quiet or asked.as_json)
    with showing(*runs.values()):
        tell(_unequal_labels(runs), asked.quiet)
    from probrm.recipes.comparison import compare_runs
    from probrm.recipes.loo_comparison import compare_loo
    from probrm.recipes.other_files import unit_of

    if asked.data is None:
        loo = compare_loo(runs, progress=bars)
        with showing(*runs.values()):
            _by_actions(runs, asked, loo)
        return
    specs = {
        name: spec_of(find_recipe(run.kind), run, asked.data, asked.columns, asked.preset, asked.values, truth=True)
        for name, run in runs.items()
    }
    found, notes = compare_runs(
        runs,
        asked.data,
        specs,
        embeddings=asked.embeddings,
        bootstrap=asked.bootstrap,
        seed=asked.seed,
        metrics=asked.metrics,
        progress=bars,
    )
    loo = compare_loo(runs, progress=bars)
    tell(notes + loo.notes, asked.quiet)
    unit = unit_of(next(iter(specs.values())), find_recipe(next(iter(runs.values())).kind).unit)
    if asked.as_json:
        print_json(to_dict(found, notes) | {"loo": loo.to_dict()})
    else:
        print_comparison(found, unit=unit)
        _show_loo(loo, unit, asked)


def _save(made: Sequence[tuple[Run, Path]], overwrite: bool) -> None:
    """All of them, also where one cannot be.

    Raises:
        RunError: the first that could not.
    """
    failed: list[RunError] = []
    for run, path in made:
        try:
            run.save(path, overwrite=overwrite, keep=True)
        except RunError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _names(asked: Comparison) -> list[str]:
    """The models that are to be fitted; everything that can be refused before work begins is."""
    given = list(asked.models)
    if len(given) < 2:
        raise ConfigError(
            f"probrm compare: found {len(given)} model; allowed: two or more", fix="probrm compare RUN naive --log LOG --data FILE"
        )
    again = next((name for name in given if given.count(name) > 1), None)
    if again is not None:
        raise ConfigError(f"{again}: named twice; allowed: each model once", fix="leave one of the two out")
    to_fit = []
    for name in given:
        if os.path.exists(os.path.join(name, MARKER)):
            continue
        if name not in recipe_names():
            found = "a folder that holds no run" if os.path.exists(name) else "no folder and no model"
            raise ConfigError(
                f"{name}: {found} of that name; models: {', '.join(recipe_names())}",
                fix=did_you_mean(name, recipe_names()) or "name a run's folder, or one of these models",
            )
        to_fit.append(name)
    if to_fit and asked.log is None:
        raise ConfigError(f"{to_fit[0]}: a model that is to be fitted, and there is nothing to fit it to", fix="give the log: --log LOG")
    for flag, value in (("--log", asked.log), ("--out", asked.out)):
        if value is not None and not to_fit:
            raise ConfigError(
                f"{flag} {value}: every model is a run already, so nothing is fitted", fix=f"leave {flag} out, or name a model"
            )
    for name in to_fit:
        if asked.out is not None:
            tidy(Path(asked.out) / name, quiet=asked.quiet)
            choose_folder(asked.out and os.path.join(asked.out, name), name, str(asked.log), overwrite=asked.overwrite)
    return to_fit


def _check_metrics(asked: Comparison) -> None:
    """Before anything is fitted."""
    from probrm.recipes.metric_rows import STANDARD, check_metrics

    check_metrics(asked.metrics)
    if asked.metrics != STANDARD and asked.data is None:
        raise ConfigError(f"--metrics {asked.metrics}: there are no rows to take them of", fix="give rows with a known truth: --data FILE")


def _check_kinds(kinds: Mapping[str, str]) -> None:
    from probrm.recipes.comparison import kind_of_data

    found = {name: kind_of_data(kind) for name, kind in kinds.items()}
    (first, of), *others = found.items()
    for name, other in others:
        if other != of:
            said = {"log": "a log of actions", "pairs": "pairs"}
            raise RunError(f"{first} is a model of {said[of]} and {name} one of {said[other]}", fix="compare models of one kind of data")


def _check_labels(runs: Mapping[str, Run], to_fit: Sequence[str], asked: Comparison) -> None:
    """Whether the column that holds the truth of ``--data`` would teach the models that are fitted what the runs never saw.

    Raises:
        ConfigError: it would.
    """
    blind = next((name for name, run in runs.items() if not _labels(run)), None)
    if to_fit and blind is not None and asked.shared and asked.reading.get("columns", {}).get("label"):
        column = asked.reading["columns"]["label"]
        rest = ",".join(f"{name}={value}" for name, value in asked.reading["columns"].items() if name != "label")
        raise ConfigError(
            f"--columns label={column}: {', '.join(to_fit)} would be fitted to the labels of {asked.log}, which {blind} never saw",
            fix=f"say what the columns of the log are: --log-columns {rest or 'label='}",
        )


def _unequal_labels(runs: Mapping[str, Run]) -> list[str]:
    blind = [name for name, run in runs.items() if not _labels(run)]
    seeing = {name: _labels(run) for name, run in runs.items() if _labels(run)}
    if not blind or not seeing:
        return []
    told = ", ".join(f"{name} ({count})" for name, count in seeing.items())
    return [
        f"fitted with explicit labels: {told}; without: {', '.join(blind)}: what the former have over the latter may be the labels' doing"
    ]


def _labels(run: Run) -> int:
    return int(run.metrics.get("identifiability", {}).get("labels", 0) or 0)


def _config(name: str, asked: Comparison) -> Any:
    flags: dict[str, Any] = {"data": dict(asked.reading), "seed": asked.seed}
    if asked.encoder is not None:
        flags["encoder"] = {"name": asked.encoder}
    try:
        return build_config(find_recipe(name), flags=flags, sets=asked.sets)
    except ProbrmError as error:
        error.what = f"{name}: {error.what}"
        raise


def _show_loo(loo: LooComparison, unit: str, asked: Comparison) -> None:
    """The table of it where a run has one; a line where none has."""
    if loo.reference is not None:
        print_loo(loo, unit=unit)
    else:
        tell(dict.fromkeys(f"no leave-one-out: {run.reason}" for run in loo.runs.values()), asked.quiet)


def _by_actions(runs: Mapping[str, Run], asked: Comparison, loo: LooComparison) -> None:
    """Without truth: the likelihood of held-out actions, where it is that of the same rows, and leave-one-out.

    Raises:
        RunError: neither says anything.
    """
    refusal = _not_by_actions(runs)
    if refusal is not None and not loo.compared:
        raise refusal
    unit = find_recipe(next(iter(runs.values())).kind).unit
    tell(([] if refusal is None else [refusal.what]) + loo.notes, asked.quiet)
    if asked.as_json:
        held: dict[str, Any] = {"rows": 0, "models": {}, "notes": []} if refusal is not None else held_out_dict(runs)
        print_json(held | {"loo": loo.to_dict()})
        return
    if refusal is None:
        print_held_out(runs, unit=unit)
    _show_loo(loo, unit, asked)


def _not_by_actions(runs: Mapping[str, Run]) -> RunError | None:
    """Why held-out likelihoods cannot be compared."""
    (first, base), *others = runs.items()

    def held(run: Run) -> tuple[Any, ...]:
        return run.record["data"]["sha256"], sorted(run.split), run.config["seed"]

    for name, run in runs.items():
        if run.metrics["diagnostics"].get("held_out_log_likelihood") is None or not run.split:
            return RunError(f"{name}: the run has no held-out rows to compare by", fix="give rows with a known truth: --data FILE")
    for name, run in others:
        if held(run) != held(base) or base.record["data"]["sha256"] is None:
            return RunError(
                f"{first} and {name}: fitted to other data, or with other held-out rows or seeds: their held-out likelihoods say nothing of each other",
                fix="give rows with a known truth: --data FILE",
            )
    return None
