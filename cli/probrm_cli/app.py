"""The application: its commands, in sections, each with an example in its help. Nothing heavy is imported before one runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from probrm_cli.acquire import acquire
from probrm_cli.compare.command import compare
from probrm_cli.drift import drift
from probrm_cli.embed import embed
from probrm_cli.evaluate import evaluate
from probrm_cli.export import export
from probrm_cli.fit.command import fit_app
from probrm_cli.inspection.command import inspect
from probrm_cli.posterior.command import posterior
from probrm_cli.rank import rank
from probrm_cli.report import report
from probrm_cli.score import score
from probrm_cli.serve import serve
from probrm_cli.simulate import simulate_app
from probrm_cli.terminal import print_json, say


class Sections(TyperGroup):
    """Commands in the order of the work: data, fit, look, use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands."""
        return [name for names in SECTIONS.values() for name in names]


SECTIONS = {
    "Data": ("inspect", "embed", "simulate"),
    "Fit": ("fit", "compare"),
    "Look": ("posterior", "report", "evaluate", "drift"),
    "Use": ("score", "rank", "acquire", "export", "serve"),
}
"""What ``probrm --help`` shows under which head."""
TEST_LOG = "--data examples/test_log.parquet"
COMMANDS: dict[Callable[..., None], str] = {
    inspect: "probrm inspect examples/log.parquet",
    embed: "probrm embed --data examples/log.parquet --out runs/log.safetensors",
    compare: f"probrm compare runs/demo naive sar-em --log examples/log.parquet --propensity-features surface,position {TEST_LOG}",
    posterior: "probrm posterior runs/demo --row log-00001",
    report: f"probrm report runs/demo {TEST_LOG}",
    evaluate: f"probrm evaluate runs/demo {TEST_LOG}",
    drift: f"probrm drift runs/demo {TEST_LOG}",
    score: f"probrm score runs/demo {TEST_LOG} --out runs/scored.parquet",
    rank: f"probrm rank runs/demo {TEST_LOG} --abstain 0.1",
    acquire: "probrm acquire runs/demo --data examples/log.parquet --budget 20 --out runs/to_label.csv",
    export: "probrm export runs/exportable runs/reward-model --to sentence-transformers  (of a fit with --exportable)",
    serve: "probrm serve runs/demo --port 8000",
}
"""Command → its example, which runs in a clone after ``make demo``."""

app = typer.Typer(
    name="probrm",
    cls=Sections,
    help="Reward models that know what they don't know.",
    epilog="Begin with: probrm inspect FILE",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PANEL = {name: section for section, names in SECTIONS.items() for name in names}
app.add_typer(fit_app, name="fit", rich_help_panel=PANEL["fit"])
app.add_typer(simulate_app, name="simulate", rich_help_panel=PANEL["simulate"])
for _function, _example in COMMANDS.items():
    _name = _function.__name__
    app.command(_name, rich_help_panel=PANEL[_name], epilog=f"Example: {_example}")(_function)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version; with --json also packages, device and encoder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --version: one JSON object, for bug reports.")] = False,
) -> None:
    if version and as_json:
        from probrm_cli.version import about_this_installation

        print_json(about_this_installation())
        raise typer.Exit
    if version:
        from probrm import __version__

        say(f"probrm {__version__}")
        raise typer.Exit
    if as_json:
        raise typer.BadParameter("--json stands behind a command's name, or after --version")
    if context.invoked_subcommand is None:
        raise typer.BadParameter("a command is missing")
