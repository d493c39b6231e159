"""Tables kept by the ``datasets`` library: folders written by ``save_to_disk``, and data sets of the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from probrm.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


def is_saved(source: str) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    folder = Path(source)
    return os.path.isdir(source) and any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def read_folder(source: str) -> pa.Table:
    """Reads a folder written by ``save_to_disk``; of several splits ``train`` is taken, or the only one."""
    folder = Path(source)
    splits_file = folder / "dataset_dict.json"
    if splits_file.is_file():
        try:
            splits = list(json.loads(splits_file.read_text("utf-8"))["splits"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{splits_file}: damaged, its list of splits cannot be read", fix="save the data set again") from error
        name = _choose(splits, source, fix=f"name the folder of one split: {folder / splits[0] if splits else folder}")
        return read_folder(str(folder / name))
    if not (folder / "state.json").is_file():
        inside = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{source}: a folder that was not written by datasets' save_to_disk (there is no state.json); it holds {inside}",
            fix="name one file (parquet, csv, jsonl), or a folder made with Dataset.save_to_disk",
        )
    import datasets  # costs a second, and few sources need it

    try:
        with _quiet():
            return _arrow(cast("Dataset", datasets.load_from_disk(source)))
    except Exception as error:  # what a damaged folder raises is not documented, and is whatever its parts raise
        raise DataError(f"{source}: cannot be read as a saved data set ({_first_line(error)})", fix="save or copy it again") from error


def read_hub(source: str) -> pa.Table:
    """Downloads ``owner/name[:split]``, or takes it from the local cache; without a split as in ``read_folder``."""
    import datasets

    name, _, split = source.partition(":")
    try:
        with _quiet():
            loaded = datasets.load_dataset(name, split=split or None)
    except Exception as error:  # network, access, parsing, an unknown split: each has its own class in four libraries
        raise DataError(
            f"{source}: neither a file nor a hub data set that can be loaded ({_first_line(error)})",
            fix="check the name (owner/name or owner/name:split), the network, and HF_HUB_OFFLINE; or download a file and name that",
        ) from error
    if isinstance(loaded, datasets.DatasetDict):
        splits = [str(key) for key in loaded]
        loaded = loaded[_choose(splits, source, fix=f"name one: {name}:{splits[0] if splits else 'split'}")]
    return _arrow(cast("Dataset", loaded))


def _choose(splits: list[str], source: str, *, fix: str) -> str:
    if "train" in splits:
        return "train"
    if len(splits) == 1:
        return splits[0]
    raise DataError(f"{source}: there is no split 'train' in it; found: {', '.join(splits) or 'none'}", fix=fix)


def _arrow(dataset: Dataset) -> pa.Table:
    table = cast(pa.Table, dataset.with_format("arrow")[:])
    return table.replace_schema_metadata(None)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].removesuffix(".") if lines else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
