"""The flags of ``probrm fit``: those of every fit, and each model's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any

import typer

from probrm.config.flags import Flag, ModelFlags, reading
from probrm.runs.registry import flags_of
from probrm_cli.flags import Data, Embeddings, Json, Quiet


def parameter(flag: Flag) -> Parameter:
    """A flag as typer reads it from a function's signature."""
    option = typer.Option(None, f"--{flag.name}", metavar=flag.metavar, help=flag.help)
    return Parameter(flag.key, Parameter.KEYWORD_ONLY, default=option, annotation=flag.type | None)


OTHER = ModelFlags(
    "Model of another package; --set gives its own settings.", reading("as its model names them", "prompt=question,response=answer")
)
"""Of a model that registers no flags; ``--set`` gives the rest of its settings."""


def model_flags(kind: str) -> ModelFlags:
    """What ``kind`` has registered."""
    return flags_of(kind) or OTHER


COMMON = (
    Flag("encoder", "encoder.name", "Transformer that encodes the texts (default: all-MiniLM-L6-v2).", "ID|PATH"),
    Flag("guide", "guide.name", "Variational family: auto-normal, low-rank, full-rank, delta, amortised."),
    Flag("inference", "inference.name", "Inference: svi, laplace, nuts."),
    Flag("starts", "starts", "Number of starting points of the search for modes (default: 3; 1 for pairs).", type=int),
    Flag("seed", "seed", "Random seed (default: 0).", type=int),
    Flag("device", "device", "Device: auto, cpu, cuda."),
)
"""Settings of every fit."""
EXPORTABLE = {"encoder": {"pooling": "mean", "precision": "float32"}}
"""What --exportable stands for."""


@dataclass(frozen=True)
class Request:
    """What one fit is asked for: the model, its settings in the shape of the TOML file, and the flags that are no settings."""

    kind: str
    settings: Mapping[str, Any]
    data: Data
    out: Annotated[str | None, typer.Option("--out", metavar="RUN", help="Folder of the run (default: a new one under runs/).")] = None
    embeddings: Embeddings = None
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting: inference.max_steps=500.")] = None
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE.toml", help="File of settings; flags and --set take precedence.")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that --out holds.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Save training states while fitting, and continue from saved ones.")] = False
    exportable: Annotated[
        bool,
        typer.Option(
            "--exportable",
            help="Pool over all tokens, in float32, so that `probrm export` can hand the reward to sentence-transformers (docs/export.md: what that costs).",
        ),
    ] = False
    quiet: Quiet = False
    as_json: Json = False
