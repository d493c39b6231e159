"""``probrm serve``: a fitted reward behind HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from probrm_cli.flags import Quiet, RunFolder

TOKEN = "PROBRM_TOKEN"


def serve(
    run: RunFolder,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help=f"Address to listen on; one that others can reach requires a token in {TOKEN}.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    quiet: Quiet = False,
) -> None:
    """Serve rewards and rankings over HTTP.

    Answers in the forms of OpenRLHF, vLLM, SGLang and probrm; at / is a page to try texts by hand.
    """
    from probrm.errors import ConfigError

    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"probrm serve needs {error.name}, which is not installed", fix="pip install 'probrm[serve]'") from None
    from probrm.runs import load
    from probrm.serving.serve import serve as run_server
    from probrm_cli.terminal import say

    def told(address: str) -> None:
        say(address if quiet else f"serving {run} at {address}: the page to try texts; Ctrl-C stops it")

    run_server(load(run), name=Path(run).resolve().name, host=host, port=port, token=os.environ.get(TOKEN) or None, told=told)
