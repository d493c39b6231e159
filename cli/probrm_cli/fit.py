"""``probrm fit MODEL``: one command for every model that is installed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from probrm_cli.flags import Columns, Data, Embeddings, Json, Preset, Quiet, parse_columns, parse_list

fit_app = typer.Typer(help="Fit a model to a log.", no_args_is_help=True)


@fit_app.command("implicit")
def fit_implicit(
    data: Data,
    out: Annotated[str | None, typer.Option("--out", metavar="RUN", help="Folder of the run [default: a new one under runs/].")] = None,
    preset: Preset = None,
    columns: Columns = None,
    propensity_features: Annotated[
        str | None, typer.Option("--propensity-features", metavar="A,B", help="Columns that make users act, without making answers better.")
    ] = None,
    reward_features: Annotated[
        str | None, typer.Option("--reward-features", metavar="A,B", help="Columns that the reward sees beside the text.")
    ] = None,
    derive: Annotated[
        str | None, typer.Option("--derive", metavar="A,B", help="Propensity covariates from the text: length,code_block,list,question.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="ID|PATH", help="Transformer that encodes the texts [default: all-MiniLM-L6-v2].")
    ] = None,
    embeddings: Embeddings = None,
    guide: Annotated[str | None, typer.Option("--guide", help="auto-normal, low-rank, full-rank, delta, amortised.")] = None,
    inference: Annotated[str | None, typer.Option("--inference", help="svi, laplace, nuts.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="How preference and activity become an action: click.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting: model.priors.base_rate.concentration1=2.")
    ] = None,
    config: Annotated[str | None, typer.Option("--config", metavar="FILE.toml", help="Settings; flags and --set go before it.")] = None,
    starts: Annotated[int | None, typer.Option("--starts", help="Places that the search for the mode begins at [default: 3].")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all random numbers [default: 0].")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that --out holds.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep training states beside the run while fitting, and go on from them.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Reward model from logged actions: what users liked, told apart from who acts at all."""
    from probrm_cli.fitting import Request, fit_model

    flags: dict[str, Any] = {
        "data": {
            "columns": parse_columns(columns) or None,
            "preset": preset,
            "propensity_features": parse_list(propensity_features),
            "reward_features": parse_list(reward_features),
            "derive": parse_list(derive),
        },
        "encoder": {"name": encoder},
        "guide": {"name": guide},
        "inference": {"name": inference},
        "action": {"name": action},
        "starts": starts,
        "seed": seed,
        "device": device,
    }
    request = Request(
        "implicit", data, flags, config, sets or [], out, embeddings, overwrite=overwrite, resume=resume, quiet=quiet, as_json=as_json
    )
    fit_model(request)
