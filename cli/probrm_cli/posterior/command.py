"""``probrm posterior``: what a run has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from probrm_cli.flags import Json, Quiet, RunFolder

if TYPE_CHECKING:
    from probrm.diagnostics.referee import RefereeReport
    from probrm.recipes import Recipe
    from probrm.runs import Run
    from probrm.runs.fitted_rows import FittedRows


def posterior(
    run: RunFolder,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME", help="Only this variable; may be repeated.")] = None,
    how: Annotated[
        str | None, typer.Option("--filter", metavar="like|regex", help="What --var gives: a part of a name, or a regular expression.")
    ] = None,
    psis: Annotated[bool, typer.Option("--psis", help="Correct the draws by importance resampling, if Pareto k̂ allows it.")] = False,
    referee: Annotated[bool, typer.Option("--referee", help="Compare the posterior with a short run of NUTS on the fitted rows.")] = False,
    plots: Annotated[str | None, typer.Option("--plots", metavar="DIR", help="Write figures there.")] = None,
    netcdf: Annotated[str | None, typer.Option("--netcdf", metavar="FILE", help="Write the draws for ArviZ.")] = None,
    row: Annotated[
        str | None,
        typer.Option(
            "--row",
            metavar="ID",
            help="One row of the fitted file: all that the model says of it. By its id; where rows have none, by number from 0.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Print what a run learned, and whether its intervals are reliable.

    Mean, standard deviation and central 90 % interval of every variable; also figures, draws for ArviZ, and single rows.
    """
    from probrm.runs import find_recipe, load
    from probrm.runs.showing import showing
    from probrm_cli.posterior.files import check_target, write_draws, write_figures
    from probrm_cli.posterior.variables import choose_variables
    from probrm_cli.tables import print_row
    from probrm_cli.terminal import print_json, progress, tell

    _check_flags(psis, referee, row)
    for flag, path in (("--netcdf", netcdf), ("--plots", plots)):
        if path is not None:
            check_target(path, flag)
    bars = progress(quiet or as_json)
    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    chosen = choose_variables(sorted(fitted.draws), var, how)
    corrected = _resampled(fitted) if psis else None
    shown = corrected or fitted
    rows: FittedRows | None = None
    if referee:
        from probrm.diagnostics.referee import check_judgeable

        check_judgeable(fitted)
        rows = recipe.fitted_rows(fitted, progress=bars)
    elif plots is not None or netcdf is not None:
        rows = _rows_if_there(recipe, fitted, bars, quiet)
    found = recipe.inspect(fitted, row, progress=bars) if row is not None else None  # what can be refused comes before what is written
    report = _judge(fitted, rows, recipe, bars) if referee and rows is not None else None
    if netcdf is not None:
        write_draws(shown, rows, netcdf, bars)
        tell([f"draws: {netcdf}"], quiet)
    if plots is not None:
        with showing(fitted):
            tell([f"figure: {path}" for path in write_figures(recipe, shown, rows, plots)], quiet)
    if found is not None:
        if as_json:
            print_json(found)
        else:
            print_row(found, recipe.titles)
        return
    with showing(fitted):
        _show(fitted, shown, recipe, chosen, report, psis=psis, as_json=as_json, quiet=quiet)


def _show(
    fitted: Run,
    shown: Run,
    recipe: Recipe,
    chosen: list[str] | None,
    report: RefereeReport | None,
    *,
    psis: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Variables, how far to trust them, and what the fit found."""
    from probrm.diagnostics.trust import trust
    from probrm_cli.tables import print_approximation, print_posterior, print_referee, print_section
    from probrm_cli.terminal import print_json, say, tell

    answer = trust(fitted, report, resampled=psis)
    table = {name: variable for name, variable in shown.summary().items() if chosen is None or name in chosen}
    if as_json:
        told: dict[str, Any] = {"variables": {name: variable.to_dict() for name, variable in table.items()}, **fitted.metrics}
        told |= {"trust": answer.to_dict(), "interval": "central 90 %", "psis": psis}
        print_json(told | recipe.described(fitted) | ({"referee": report.to_dict()} if report else {}))
        return
    print_posterior(shown, chosen, resampled=psis)
    print_approximation(fitted)
    if report:
        print_referee(report)
    say(f"interval reliability: {answer}")
    for line in recipe.headline(fitted):
        say(line)
    for section in recipe.posterior_sections(fitted) if chosen is None else []:
        print_section(section)
    tell(fitted.metrics.get("identifiability", {}).get("notes", []), quiet)


def _check_flags(psis: bool, referee: bool, row: str | None) -> None:
    """Flags that ask for two things at a time.

    Raises:
        ConfigError: which they are.
    """
    from probrm.errors import ConfigError

    if psis and referee:
        raise ConfigError(
            "--psis --referee: the referee judges the inference of the fit, not draws that were corrected afterwards",
            fix="give one of them, one call after the other",
        )
    for flag, given in (("--psis", psis), ("--referee", referee)):
        if given and row is not None:
            raise ConfigError(f"--row {flag}: a row is told from the draws of the fit", fix=f"leave {flag} or --row out")


def _resampled(run: Run) -> Run:
    """The run with its draws resampled by their smoothed importance ratios.

    Raises:
        ConfigError: it has no densities, no intervals, draws that need no correction, or a k̂ at which it fails.
    """
    from dataclasses import replace

    from probrm.diagnostics.approximation import assess, resample, weights
    from probrm.diagnostics.referee import is_point
    from probrm.errors import ConfigError

    if run.sampled:
        raise ConfigError("--psis: the draws are NUTS', which approximates nothing that could be corrected", fix="leave --psis out")
    if is_point(run.draws):
        raise ConfigError("--psis: the run is a point estimate, of which nothing can be resampled", fix="fit with --guide auto-normal")
    if "log_guide" not in run.sample_stats:
        raise ConfigError(
            "--psis: the densities of the draws are not in the run", fix="fit it again with this version, or leave --psis out"
        )
    density = run.sample_stats["log_density"], run.sample_stats["log_guide"]
    found = assess(*density)
    if found.verdict == "bad":
        raise ConfigError(
            f"--psis: Pareto k̂ is {found.k_hat:.2f}; weighted draws are reliable up to {found.threshold:.2f} ({found.draws} draws)",
            fix="see with --referee which variables are wrong, or fit with --inference nuts",
        )
    w, seed = weights(*density), int(run.config["seed"])
    # Without the densities: their ratios are those of draws of the guide, which these are not any more.
    return replace(run, draws=resample(run.draws, w, seed), sample_stats={}, record=run.record | {"psis": found.to_dict()})


def _rows_if_there(recipe: Recipe, run: Run, bars: Any, quiet: bool) -> FittedRows | None:
    """The fitted rows; without them there are fewer figures and groups, and a note on that."""
    from probrm.errors import ConfigError, DataError, EncoderError
    from probrm_cli.terminal import tell

    try:
        return recipe.fitted_rows(run, progress=bars)
    except (ConfigError, DataError, EncoderError) as error:
        tell([f"what needs the fitted rows is left out: {error.what}"], quiet=False)  # a file that lacks something says so
    return None


def _judge(run: Run, rows: FittedRows, recipe: Recipe, bars: Any) -> RefereeReport:
    from probrm.diagnostics.referee import referee

    return referee(run, rows, recipe, seed=int(run.config["seed"]), progress=bars)
