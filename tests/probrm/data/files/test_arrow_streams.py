from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from datasets import Dataset

from probrm.data import read_table
from probrm.data.files.arrow_streams import check_stream
from probrm.errors import DataError


def stream(path: Path, table: pa.Table, packed: str | None) -> Path:
    with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as writer:
        writer.write_table(table, max_chunksize=10)
    return path


@pytest.mark.parametrize("packed", [None, "zstd", "lz4"])
@pytest.mark.parametrize("kind", ["text", "dictionary", "numbers"])
def test_packed_batches_are_counted_as_what_they_unpack_to(
    tmp_path: Path, little_memory: Callable[[int], None], packed: str | None, kind: str
):
    texts = pa.array(["x" * 100_000] * 20)
    column = {"text": texts, "dictionary": texts.dictionary_encode(), "numbers": pa.array([0] * 250_000)}[kind]
    path = stream(tmp_path / "a.arrow", pa.table({"a": column}), packed)
    little_memory(10_000_000)
    check_stream(path, "a") if kind == "dictionary" else None
    little_memory(4_000_000 if kind != "dictionary" else 200_000)
    with pytest.raises(DataError, match="its table would take"):
        check_stream(path, "a")


def save(folder: Path) -> Path:
    Dataset.from_dict({"a": ["NAME1", "y"]}).save_to_disk(folder)
    return folder


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "..", "a/b", "", 5, None])
def test_a_saved_data_set_names_files_of_its_own(tmp_path: Path, name: object):
    folder = save(tmp_path / "saved")
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"][0]["filename"] = name
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match=r"state.json: it names .*, which is no name inside of the folder"):
        read_table(str(folder))


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"_data_files": 5}', "[" * 5000, '{"_data_files": [{}]}'])
@pytest.mark.parametrize("file", ["state.json", "dataset_info.json"])
def test_damaged_descriptions(tmp_path: Path, file: str, content: str):
    folder = save(tmp_path / "saved")
    (folder / file).write_text(content)
    says: list[str] = []
    try:
        assert read_table(str(folder)).num_rows == 2  # the description of the columns is not always needed
    except DataError as error:
        says.append(error.what)
    assert all("saved" in one for one in says)
    assert says or file == "dataset_info.json"


def test_texts_that_are_not_utf8(tmp_path: Path):
    folder = save(tmp_path / "saved")
    (file,) = folder.glob("*.arrow")
    file.write_bytes(file.read_bytes().replace(b"NAME1", b"NAM\xff1"))
    with pytest.raises(DataError, match="row 1, column 'a': a text is not UTF-8"):
        read_table(str(folder))


@pytest.mark.parametrize("at", range(0, 400, 13))
def test_damaged_files_get_a_message(tmp_path: Path, at: int):
    folder = save(tmp_path / "saved")
    (file,) = folder.glob("*.arrow")
    data = bytearray(file.read_bytes())
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    file.write_bytes(data)
    says: list[str] = []
    try:
        read_table(str(folder))
    except DataError as error:
        says.append(error.what)
    assert all(str(folder) in one for one in says)
