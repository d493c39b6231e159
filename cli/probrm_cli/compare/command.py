"""``probrm compare``: several models against the same truth, or by the actions that they predict."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import LARGEST_SEED, Columns, Embeddings, Json, Metrics, Preset, Quiet, Values


def compare(
    models: Annotated[list[str], typer.Argument(metavar="RUN|MODEL…", help="Folders of runs, and names of models to fit to --log.")],
    data: Annotated[
        str | None, typer.Option("--data", metavar="FILE", help="Rows with a known truth (a label, or pairs) to compare on.")
    ] = None,
    metrics: Metrics = "standard",
    log: Annotated[str | None, typer.Option("--log", metavar="LOG", help="Log or pairs that the named models are fitted to.")] = None,
    propensity_features: Annotated[
        str | None,
        typer.Option("--propensity-features", metavar="A,B", help="Covariates of the propensity of the fitted models, as in probrm fit."),
    ] = None,
    reward_features: Annotated[
        str | None, typer.Option("--reward-features", metavar="A,B", help="Covariates of their reward, as in probrm fit.")
    ] = None,
    derive: Annotated[
        str | None, typer.Option("--derive", metavar="A,B", help="Covariates derived from the text, as in probrm fit.")
    ] = None,
    columns: Columns = None,
    preset: Preset = None,
    values: Values = None,
    log_columns: Annotated[
        str | None,
        typer.Option("--log-columns", metavar="NAME=COLUMN,…", help="Column names of --log, if they differ from those of --data."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="ID|PATH", help="Transformer that encodes the texts, as in probrm fit.")
    ] = None,
    embeddings: Embeddings = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting that all fitted models share.")] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="DIR", help="Keep the models that are fitted, as DIR/MODEL.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace runs that --out holds.")] = False,
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=0, max=100_000, help="Number of bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed of the fits and the bootstrap.")] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare runs and baselines in one table.

    Models that are named are fitted to --log. Each one's metrics, and whether it is better or worse than the first beyond bootstrap error.
    """
    from probrm.config.flags import parse_columns, parse_list
    from probrm_cli.compare.run import Comparison, run_comparison

    lists = {"propensity_features": propensity_features, "reward_features": reward_features, "derive": derive}
    settings = {name: parse_list(value) for name, value in lists.items() if value is not None}
    run_comparison(
        Comparison(
            models=models,
            data=data,
            metrics=metrics,
            log=log,
            reading=settings
            | ({"columns": parse_columns(of_log)} if (of_log := columns if log_columns is None else log_columns) is not None else {})
            | ({"preset": preset or None} if preset is not None else {}),
            columns=columns,
            shared=log_columns is None,
            preset=preset,
            values=values,
            encoder=encoder,
            embeddings=embeddings,
            sets=sets or [],
            out=out,
            overwrite=overwrite,
            bootstrap=bootstrap,
            seed=seed,
            quiet=quiet,
            as_json=as_json,
        )
    )
