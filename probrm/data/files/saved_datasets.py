"""Tables kept by the ``datasets`` library: folders written by ``save_to_disk``, and data sets of the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from probrm.data.files.arrow_streams import check_stream
from probrm.data.files.damage import told
from probrm.data.files.hints import shown
from probrm.data.files.json_values import parse
from probrm.data.files.memory import within_memory
from probrm.data.files.valid import valid
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
        splits = _listed(splits_file, "splits")
        name = _choose(splits, source, fix=f"name the folder of one split: {folder / splits[0] if splits else folder}")
        return read_folder(str(folder / name))
    if not (folder / "state.json").is_file():
        inside = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{source}: a folder that was not written by datasets' save_to_disk (there is no state.json); it holds {inside}",
            fix="name one file (parquet, csv, jsonl), or a folder made with Dataset.save_to_disk",
        )
    _check_files(folder)
    import datasets  # costs a second, and few sources need it

    try:
        with _quiet(), within_memory(source):
            return valid(_arrow(cast("Dataset", datasets.load_from_disk(source))), source)
    except DataError:
        raise
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
    return valid(_arrow(cast("Dataset", loaded)), source)


def _listed(path: Path, key: str) -> list[str]:
    """The names that a file of the folder lists.

    Raises:
        DataError: it lists none, or one that would lead out of the folder.
    """
    try:
        found = [one["filename"] if isinstance(one, dict) else one for one in parse(path.read_text("utf-8"))[key]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged, its list of {key.strip('_')} cannot be read", fix="save the data set again") from error
    for name in found:
        if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name:
            raise DataError(f"{path}: it names {shown(name)}, which is no name inside of the folder", fix="save the data set again")
    return found


def _check_files(folder: Path) -> None:
    """The files with the rows are in the folder, and fit into memory."""
    for name in _listed(folder / "state.json", "_data_files"):
        with told(str(folder), "a saved data set"):
            check_stream(folder / name, str(folder))


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
