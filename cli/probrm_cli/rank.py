"""``probrm rank``: which answer to each prompt is best, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from probrm_cli.flags import Columns, CsvSafe, Data, Embeddings, Json, Preset, Quiet, RunFolder, spec_of

if TYPE_CHECKING:
    from probrm.recipes.ranking import RankedFile

_SHOWN = 10
"""Prompts that the table shows; --out has all."""


def rank(
    run: RunFolder,
    data: Data,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Parquet, CSV or JSON lines: the answers, one a row, with their ranks.")
    ] = None,
    risk: Annotated[
        str,
        typer.Option(
            "--risk",
            metavar="mean|lower",
            help="Choose the highest mean reward, or the highest lower bound of the difference from the prompt's average answer.",
        ),
    ] = "mean",
    abstain: Annotated[
        float | None,
        typer.Option(
            "--abstain", metavar="P", help="Choose nothing where another answer is the best with a higher probability than P (0.1: 10 %)."
        ),
    ] = None,
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    csv_safe: CsvSafe = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Choose among several answers to each prompt.

    Rows with the same prompt are ranked together: probability of being the best, posterior of the rank, expected regret of the choice.
    """
    from probrm.errors import ConfigError

    if risk not in (allowed := ("mean", "lower")):
        raise ConfigError(f"--risk {risk}: no such choice; allowed: {', '.join(allowed)}", fix="leave it out to choose by the mean")
    if abstain is not None and not 0 <= abstain <= 1:
        raise ConfigError(f"--abstain {abstain}: no probability; allowed: numbers from 0 to 1", fix="--abstain 0.1")
    from probrm.data import check_target, write_table
    from probrm.runs import find_recipe, load
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.spreadsheets import without_formulas
    from probrm_cli.terminal import print_json, progress, tell

    if out is not None:
        tidy(out, quiet=quiet)
        check_target(out, overwrite=overwrite, inputs=inputs_of(data, embeddings))
        refuse_run(out, "--out")
    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    spec = spec_of(recipe, fitted, data, columns, preset, truth=False)
    how: dict[str, Any] = {"risk": risk, "abstain": abstain, "embeddings": embeddings, "progress": progress(quiet or as_json)}
    found = recipe.rank(fitted, data, spec, **how)
    notes = found.notes
    if out is not None:
        table, told = without_formulas(found.table, out) if csv_safe else (found.table, [])
        write_table(table, out, overwrite=overwrite)
        notes = [*notes, *told]
    tell(notes, quiet)
    if as_json:
        print_json({"out": out, **_counts(found), "notes": notes})
    elif not quiet:
        _print(found, out)


def _counts(found: RankedFile) -> dict[str, Any]:
    rankings = [ranking for _, ranking in found.prompts]
    chosen = [ranking for ranking in rankings if not ranking.abstains]
    return {
        "prompts": len(rankings),
        "answers": sum(len(rows) for rows, _ in found.prompts),
        "single": found.single,
        "chosen": len(chosen),
        "abstained": len(rankings) - len(chosen),
        "p_best": sum(float(ranking.p_best[ranking.chosen]) for ranking in chosen) / len(chosen) if chosen else None,
        "regret": sum(ranking.regret for ranking in chosen) / len(chosen) if chosen else None,
    }


def _print(found: RankedFile, out: str | None) -> None:
    from probrm_cli.terminal import number, print_table, say

    counts, rows = _counts(found), []
    names = found.table.column("id").to_pylist() if "id" in found.table.column_names else range(1, found.table.num_rows + 1)
    for places, ranking in found.prompts[:_SHOWN]:
        order = ranking.rank.argsort()
        first = names[int(places[ranking.chosen])]
        second = next(int(i) for i in order if i != ranking.chosen)
        rows.append(
            (
                "none is clear" if ranking.abstains else str(first),
                str(len(places)),
                number(float(ranking.p_best[ranking.chosen]), 2),
                number(float(ranking.p_best[second]), 2),
                number(ranking.regret, 2),
            )
        )
    called = "id" if "id" in found.table.column_names else "row"
    print_table("", (f"choice ({called})", "answers", "P(best)", "P(best) of the next", "expected regret, logits"), rows)
    if len(found.prompts) > _SHOWN:
        say(f"{len(found.prompts) - _SHOWN} more prompts{'' if out else ': --out FILE has all'}")
    sure = (
        f", which are the best with {counts['p_best']:.0%} on average, expected regret {counts['regret']:.2f}" if counts["chosen"] else ""
    )
    say(
        f"{counts['prompts']} prompts with {counts['answers']} answers: {counts['chosen']} choices{sure}; no choice for {counts['abstained']}"
    )
    if out is not None:
        say(f"{found.table.num_rows} rows ranked: {out}")
