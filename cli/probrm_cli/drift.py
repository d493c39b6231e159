"""``probrm drift``: does a run still fit what comes in?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm_cli.flags import Columns, Data, Embeddings, Json, Preset, Quiet, RunFolder, spec_of

if TYPE_CHECKING:
    from probrm.recipes.drift import Drift


def drift(
    run: RunFolder,
    data: Data,
    columns: Columns = None,
    preset: Preset = None,
    embeddings: Embeddings = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check whether a run still fits new data.

    New rows are compared with those of the fit: are the texts alike, and do users still do what the run predicts?
    """
    from dataclasses import replace

    from probrm.data import LogSpec
    from probrm.errors import DataError
    from probrm.recipes.drift import drift as compare_rows
    from probrm.runs import find_recipe, load
    from probrm_cli.terminal import print_json, progress, tell

    fitted = load(run)
    recipe = find_recipe(fitted.kind)
    spec = spec_of(recipe, fitted, data, columns, preset, truth=False)
    if isinstance(spec, LogSpec) != (recipe.fitted_to == "log"):
        kinds = ("a log of actions", "pairs") if recipe.fitted_to == "log" else ("pairs", "a log of actions")
        raise DataError(f"{data}: the run was fitted to {kinds[0]}, and this file has {kinds[1]}", fix="give rows of the kind of the fit")
    if isinstance(spec, LogSpec):
        spec = replace(spec, labels=None)  # of the fitted log's answers
    found = compare_rows(fitted, data, spec, embeddings=embeddings, progress=progress(quiet or as_json))
    tell(found.notes, quiet)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, quiet)


def _print(found: Drift, quiet: bool) -> None:
    from probrm_cli.terminal import number, print_table, say

    if not quiet:
        rows = [
            (check.name, check.group, number(check.observed, 0), number(check.expected, 1), number(check.p, 3)) for check in found.observed
        ]
        if rows:
            print_table("what was observed in the new rows", ("by", "group that departs most", "observed", "predicted", "p"), rows)
        if found.texts is not None:
            say(f"texts: told from the fitted ones with AUROC {found.texts.auroc:.2f}, p = {found.texts.p:.2g} (.5: alike)")
        if found.log_likelihood is not None:
            held = "" if found.held_out_log_likelihood is None else f", of those held out from it {found.held_out_log_likelihood:.4f}"
            say(f"log-likelihood, nats a row: {found.log_likelihood:.4f}; of the rows of the fit {found.fitted_log_likelihood:.4f}{held}")
    for line in found.moved:
        say(f"moved: {line}")
    if not found.moved:
        compared = [name for name, there in (("texts", found.texts), ("what was observed", found.observed)) if there]
        say(
            f"nothing moves beyond chance in {found.rows} new rows"
            + (f"; compared: {', '.join(compared)}" if compared else ": nothing could be compared")
        )
