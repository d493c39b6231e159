"""``probrm posterior``: what a run has learned."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import Json, Quiet, RunFolder


def posterior(
    run: RunFolder,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME", help="Only this variable; may be repeated.")] = None,
    plots: Annotated[str | None, typer.Option("--plots", metavar="DIR", help="Write figures there.")] = None,
    netcdf: Annotated[str | None, typer.Option("--netcdf", metavar="FILE", help="Write the draws for ArviZ.")] = None,
    row: Annotated[
        str | None,
        typer.Option(
            "--row", metavar="ID", help="One row of the fitted file, by its id or else its number from 0: all that the model says of it."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Mean, deviation and interval of every variable; figures; draws for ArviZ; single rows."""
    from io import BytesIO
    from pathlib import Path

    from probrm.errors import ConfigError
    from probrm.posterior import netcdf_bytes
    from probrm.runs import find_recipe, load, replace_file
    from probrm_cli.tables import print_posterior, print_row
    from probrm_cli.terminal import print_json, progress, tell

    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    unknown = [name for name in var or [] if name not in fitted.draws]
    if unknown:
        raise ConfigError(f"--var {unknown[0]}: the run has no such variable; it has {', '.join(fitted.draws)}", fix="name one of these")
    if netcdf:
        replace_file(netcdf, netcdf_bytes(fitted.to_arviz()))
        tell([f"draws: {netcdf}"], quiet)
    if plots:
        for name, figure in recipe.figures(fitted).items():
            picture = BytesIO()
            figure.savefig(picture, format="png", dpi=120)
            replace_file(Path(plots) / f"{name}.png", picture.getvalue())
            tell([f"figure: {Path(plots) / name}.png"], quiet)
    if row is not None:
        found = recipe.inspect(fitted, row, progress=progress(quiet or as_json))
        if as_json:
            print_json(found)
        else:
            print_row(found, recipe.titles)
        return
    if as_json:
        variables = {name: variable.to_dict() for name, variable in fitted.summary().items() if not var or name in var}
        print_json({"variables": variables, **fitted.metrics})
        return
    print_posterior(fitted, var)
    for line in recipe.headline(fitted):
        typer.echo(line)
    tell(fitted.metrics.get("identifiability", {}).get("notes", []), quiet)
