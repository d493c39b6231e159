from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from probrm.data import read_table
from probrm.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("saved")
    one, two = Dataset.from_dict({"a": [1, 2, 3]}), Dataset.from_dict({"a": [4]})
    one.select([2, 0]).save_to_disk(base / "plain")
    DatasetDict({"test": two, "train": one}).save_to_disk(base / "with_train")
    DatasetDict({"left": one, "right": two}).save_to_disk(base / "without_train")
    DatasetDict({"only": two}).save_to_disk(base / "one_split")
    return base


def test_a_saved_data_set(folder: Path):
    assert read_table(str(folder / "plain")).to_pydict() == {"a": [3, 1]}


def test_of_several_splits_train_is_taken(folder: Path):
    assert read_table(str(folder / "with_train")).to_pydict() == {"a": [1, 2, 3]}
    assert read_table(str(folder / "one_split")).to_pydict() == {"a": [4]}


def test_several_splits_without_train_are_named(folder: Path):
    with pytest.raises(DataError, match="no split 'train' in it; found: left, right") as caught:
        read_table(str(folder / "without_train"))
    named = caught.value.fix.rsplit(" ", 1)[1]
    assert read_table(named).to_pydict() == {"a": [1, 2, 3]}


def test_a_folder_of_something_else(tmp_path: Path):
    (tmp_path / "logs.xlsx").touch()
    with pytest.raises(DataError, match=r"a folder that holds no file that is read; it holds logs\.xlsx"):
        read_table(str(tmp_path))


def test_a_damaged_saved_data_set(tmp_path: Path):
    Dataset.from_dict({"a": [1]}).save_to_disk(tmp_path / "d")
    next((tmp_path / "d").glob("*.arrow")).write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a saved data set"):
        read_table(str(tmp_path / "d"))


@pytest.mark.parametrize("source", ["nobody/no-such-data", "nobody/no-such-data:test"])
def test_a_hub_id_without_a_hub(source: str, tmp_path: Path):
    # Its own process, because the offline switch is read when the libraries are imported.
    code = (
        "import sys\nfrom probrm.data import read_table\nfrom probrm.errors import DataError\n"
        "try:\n    read_table(sys.argv[1])\nexcept DataError as error:\n    print(error)\n"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run(
        [sys.executable, "-c", code, source], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.startswith(f"{source}: neither a file nor a hub data set that can be loaded (")
    assert "HF_HUB_OFFLINE" in done.stdout
    assert "Traceback" not in done.stderr
