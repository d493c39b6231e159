"""``probrm simulate implicit``: a log with a known truth, from answers that somebody has rated."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm.config.flags import parse_columns
from probrm_cli.flags import LARGEST_SEED, Columns, Json, Quiet

simulate_app = typer.Typer(help="Make a log with a known ground truth.", no_args_is_help=True)


@simulate_app.callback()
def _group() -> None:
    pass


@simulate_app.command(epilog="Example: probrm simulate implicit --data examples/pairs.parquet --out runs/simulated.parquet")
def implicit(
    data: Annotated[str, typer.Option("--data", metavar="RATED", help="Answers with a rating each, or pairs (prompt, chosen, rejected).")],
    out: Annotated[str, typer.Option("--out", metavar="LOG", help="Parquet, CSV or JSON lines.")],
    mechanism: Annotated[
        str, typer.Option("--mechanism", help="What drives the propensity: label, independent, against, user, constant, selected.")
    ] = "label",
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed.")] = 0,
    rate: Annotated[float, typer.Option("--rate", help="Mean of the propensity.")] = 0.2,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Under label, against and selected: 1 is no dependence on the rating, 0.1 a strong one.")
    ] = 0.5,
    users: Annotated[int | None, typer.Option("--users", help="Number of users (default: a twentieth of the rows).")] = None,
    exposures: Annotated[int, typer.Option("--exposures", help="Number of times each answer is shown (under selected: offered).")] = 1,
    anchors: Annotated[int, typer.Option("--anchors", help="Number of rows with an explicit label.")] = 0,
    randomised: Annotated[
        float, typer.Option("--randomised", help="Under selected: share of rows that are shown at random and labelled.")
    ] = 0.15,
    rating: Annotated[
        str | None, typer.Option("--rating", metavar="COLUMN", help="Column of ratings (default: rating, else label).")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Ratings above this number are good (default: the median).")
    ] = None,
    columns: Columns = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Simulate actions on rated answers, with the true preference and propensity of each row."""
    from probrm.data.files.hints import check_known
    from probrm.simulation import (
        MECHANISMS,
        RatedSpec,
        SimulationSettings,
        check_simulation_target,
        read_rated,
        simulate_log,
        write_simulation,
    )
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.terminal import print_json, say, tell

    check_known("--mechanism", mechanism, MECHANISMS, "--mechanism label")
    tidy(out, f"{out}.json", quiet=quiet)
    check_simulation_target(out, overwrite=overwrite, inputs=inputs_of(data))
    refuse_run(out, "--out")
    rated = read_rated(data, RatedSpec(parse_columns(columns), rating, threshold))
    settings = SimulationSettings(mechanism, seed, rate, alpha, users, exposures, anchors, randomised)
    simulated = simulate_log(rated, settings)
    files = write_simulation(simulated, out, overwrite=overwrite)
    tell(simulated.notes, quiet)
    record = simulated.record
    if as_json:
        print_json({"out": out, "files": files, **record, "notes": simulated.notes})
    elif not quiet:
        say(f"{record['rows']} rows, {record['good']} good, {record['actions']} with an action, {record['labels']} with a label: {out}")
