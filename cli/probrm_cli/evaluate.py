"""``probrm evaluate``: a run against the truth."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import LARGEST_SEED, Columns, Data, Embeddings, Json, Metrics, Preset, Quiet, RunFolder, Values, spec_of


def evaluate(
    run: RunFolder,
    data: Data,
    benchmark: Annotated[
        str | None,
        typer.Option("--benchmark", metavar="NAME", help="Read the file of a benchmark: rewardbench, rewardbench-2, rm-bench, rmb."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option("--domain", metavar="NAME", help="Domain of a file of rm-bench without such a column (default: by its name)."),
    ] = None,
    metrics: Metrics = "standard",
    columns: Columns = None,
    preset: Preset = None,
    values: Values = None,
    embeddings: Embeddings = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=0, max=100_000, help="Number of bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed of the bootstrap.")] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare a run with known labels or preferences.

    Prints metrics of the run and of its baseline with bootstrap intervals, or the scores of a published benchmark.
    """
    from probrm.errors import ConfigError
    from probrm.recipes.metric_rows import STANDARD, check_metrics, metric_rows
    from probrm.recipes.other_files import unit_of
    from probrm.runs import find_recipe, load
    from probrm_cli.tables import print_benchmark, print_evaluation
    from probrm_cli.terminal import print_json, progress, tell

    if benchmark is not None and any(flag is not None for flag in (columns, preset, values)):
        raise ConfigError(
            f"--benchmark {benchmark}: its file has a form of its own, which --columns, --preset and --values do not change",
            fix="leave them out",
        )
    if domain is not None and benchmark is None:
        raise ConfigError("--domain: belongs to a benchmark's file", fix="add --benchmark rm-bench, or leave it out")
    if benchmark is not None and metrics != STANDARD:
        raise ConfigError(
            f"--metrics {metrics}: a benchmark has scores of its own; allowed: --metrics {STANDARD}", fix="leave one of the two out"
        )
    check_metrics(metrics)
    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    bars = progress(quiet or as_json)
    if benchmark is not None:
        result = recipe.benchmark(
            fitted, benchmark, data, domain=domain, embeddings=embeddings, bootstrap=bootstrap, seed=seed, progress=bars
        )
        tell(result.notes, quiet)
        print_json(result.to_dict()) if as_json else print_benchmark(result)
        return
    spec = spec_of(recipe, fitted, data, columns, preset, values, truth=True)
    if metrics == STANDARD:
        found, notes = recipe.evaluate(fitted, data, spec, embeddings=embeddings, bootstrap=bootstrap, seed=seed, progress=bars)
    else:
        rows = metric_rows(metrics, fitted, data, spec, embeddings=embeddings, baseline=True, progress=bars)
        found, notes = rows.against(rows.beside, bootstrap=bootstrap, seed=seed, progress=bars), rows.notes
    tell([*notes, *found.notes], quiet)
    if as_json:
        print_json(found.to_dict())
    else:
        kinds = [fitted.kind, *([fitted.baseline[0].kind] if fitted.baseline else [])]
        print_evaluation(found, *(f"{kind} model" for kind in kinds), unit=unit_of(spec, recipe.unit))
