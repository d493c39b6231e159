"""``probrm embed``: vectors of a file's texts, to be used elsewhere or again."""

from __future__ import annotations

from typing import Annotated

import typer

from probrm_cli.flags import Columns, Data, Json, Preset, Quiet, parse_columns


def embed(
    data: Data,
    out: Annotated[str, typer.Option("--out", metavar="STORE", help="A .safetensors file for `--embeddings`.")],
    encoder: Annotated[str, typer.Option("--encoder", metavar="ID|PATH", help="Transformer that encodes the texts.")] = "default",
    columns: Columns = None,
    preset: Preset = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the encoder: encoder.pooling=last.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Encode the texts of a log once, for `probrm fit … --embeddings STORE`."""
    from pathlib import Path

    from probrm.config import encoder_config
    from probrm.data import LogSpec, read_log
    from probrm.encoders import encode_all, write_store
    from probrm.errors import DataError
    from probrm.inference.device import resolve_device
    from probrm_cli.terminal import print_json, progress, tell

    if Path(out).exists() and not overwrite:
        raise DataError(f"--out {out}: the file exists already", fix="name another file, or replace it with --overwrite")
    log = read_log(data, LogSpec(parse_columns(columns), preset), require=(), min_rows=1, drop_unshown=False)
    config = encoder_config(encoder, sets or [])
    encoded = encode_all(log.conversations, config, device=resolve_device(device), progress=progress(quiet or as_json))
    write_store(out, log.conversations, encoded.vectors, encoded.key)
    tell([*log.notes, *encoded.notes], quiet)
    if as_json:
        print_json({"out": out, "texts": len(log), "dim": encoded.vectors.shape[1], "encoder": encoded.key})
    elif not quiet:
        typer.echo(f"{len(log)} texts, {encoded.vectors.shape[1]} columns: {out}")
