"""The application: its verbs, and how errors leave it. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys

import click
import typer

from probrm.errors import ProbrmError
from probrm_cli.embed import embed
from probrm_cli.evaluate import evaluate
from probrm_cli.fit import fit_app
from probrm_cli.posterior import posterior
from probrm_cli.score import score

INTERRUPTED = 130

app = typer.Typer(
    name="probrm",
    help="Reward models that know what they don't know.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fit_app, name="fit")
app.command()(evaluate)
app.command()(posterior)
app.command()(score)
app.command()(embed)


def _version(value: bool) -> None:
    if value:
        from probrm import __version__

        typer.echo(f"probrm {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.")) -> None:
    pass


def main() -> None:
    """The console script: runs a command; errors become one message and an exit code, never a traceback."""
    # Spinning OpenMP workers slow small steps down many times; the tokenizers' threads warn after a fork.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not os.environ.get("PROBRM_DEBUG"):
        import warnings

        warnings.filterwarnings("ignore")
    try:
        code = app(standalone_mode=False)
    except ProbrmError as error:
        typer.echo(f"error: {error}", err=True)
        code = error.exit_code
    except click.exceptions.Abort:
        typer.echo("interrupted: nothing was saved; what was encoded is kept in the cache", err=True)
        code = INTERRUPTED
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was saved; what was encoded is kept in the cache", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
