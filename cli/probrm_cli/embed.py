"""``probrm embed``: vectors of a file's texts, to be used elsewhere or again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from probrm.config.flags import parse_columns
from probrm_cli.flags import Columns, Data, Json, Preset, Quiet

if TYPE_CHECKING:
    from probrm.data import Conversation
    from probrm.encoders import EncoderConfig, Observed


def embed(
    data: Data,
    out: Annotated[str, typer.Option("--out", metavar="STORE", help="A .safetensors file for `--embeddings`.")],
    encoder: Annotated[str, typer.Option("--encoder", metavar="ID|PATH", help="Transformer that encodes the texts.")] = "default",
    columns: Columns = None,
    preset: Preset = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the encoder: encoder.pooling=last.")
    ] = None,
    prompts: Annotated[
        bool | None,
        typer.Option("--prompts/--no-prompts", help="Encode each prompt by itself, too, as `fit vrm` needs it (default: for pairs)."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Device: auto, cpu, cuda.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Encode the texts of a file once, for `probrm fit --embeddings`."""
    from probrm.config import encoder_config
    from probrm.disk import check_file
    from probrm.encoders import encode_all, write_store
    from probrm.errors import DataError
    from probrm.inference.device import resolve_device
    from probrm_cli.out import inputs_of, refuse_run, tidy
    from probrm_cli.terminal import print_json, progress, say, tell

    tidy(out, quiet=quiet)
    check_file(out, overwrite=overwrite, inputs=inputs_of(data), raised=DataError)
    refuse_run(out, "--out")
    config = encoder_config(encoder, sets or [])
    conversations, notes, observed = _texts(data, parse_columns(columns), preset, prompts, config)
    bars = progress(quiet or as_json)
    encoded = encode_all(conversations, config, device=resolve_device(device), observed=lambda: observed, progress=bars)
    write_store(out, conversations, encoded.vectors, encoded.key, overwrite=overwrite)
    tell([*notes, *encoded.notes], quiet)
    if as_json:
        print_json({"out": out, "texts": len(conversations), "dim": encoded.vectors.shape[1], "encoder": encoded.key})
    elif not quiet:
        say(f"{len(conversations)} texts, {encoded.vectors.shape[1]} columns: {out}")


def _texts(
    data: str, columns: dict[str, str], preset: str | None, prompts: bool | None, config: EncoderConfig
) -> tuple[list[Conversation], list[str], Observed | None]:
    """All that a fit or a score of the file would encode, notes, and what the file observed of it."""
    from probrm.data import LogSpec, PairSpec, holds_pairs, read_log, read_pairs, read_table
    from probrm.data.logs.presets import PRESETS
    from probrm.recipes.observed import observed_actions, observed_pairs
    from probrm.recipes.pairs.inputs import prompt_conversation

    def with_prompts(answers: list[Conversation], asked: bool | None) -> list[Conversation]:
        return [*answers, *(dict.fromkeys(prompt_conversation(answer, config.text) for answer in answers) if asked else ())]

    if preset not in PRESETS and (preset or holds_pairs({*read_table(data).column_names, *columns})):
        pairs = read_pairs(data, PairSpec(columns, preset, ties="davidson"), fitting=False, min_pairs=1)  # ties are scored too
        prompts = prompts is not False
        found = with_prompts(list(dict.fromkeys([*pairs.chosen, *pairs.rejected])), prompts)
        return found, pairs.notes, observed_pairs(pairs, found, prompts=prompts and config.text == "pair")
    spec = LogSpec(columns, preset)
    log = read_log(data, spec, require=(), min_rows=1, drop_unshown=False)
    found = with_prompts(log.conversations, prompts)
    # Rows that were not shown are encoded, but nobody could act on them.
    return found, log.notes, observed_actions(read_log(data, spec, require=(), min_rows=1), found) if config.chooses else None
