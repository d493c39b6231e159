from __future__ import annotations

import json
from pathlib import Path

import pytest

from probrm.data import read_table
from probrm.errors import DataError


def put(tmp_path: Path, name: str, content: str | bytes) -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("bad", ['{"a": 2', "5", "nonsense", '["a"]'])
def test_broken_json_names_the_line(tmp_path: Path, bad: str):
    with pytest.raises(DataError, match="line 4: "):
        read_table(put(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": 2}\n' + bad + '\n{"a": 3}\n'))


def test_broken_json_far_down_in_a_file_of_several_blocks(tmp_path: Path):
    line = '{"a": "' + "x" * 100 + '"}\n'
    with pytest.raises(DataError, match="line 60001: broken JSON"):
        read_table(put(tmp_path, "a.jsonl", line * 60_000 + '{"a": 1\n' + line))


def test_a_json_list_of_objects(tmp_path: Path):
    assert read_table(put(tmp_path, "a.json", ' [{"a": 1}, {"a": 2, "b": "x"}]')).to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize(("text", "says"), [('[{"a": 1}, 5]', "row 2: found 5, not a JSON object"), ('[{"a": 1}', "broken JSON")])
def test_a_bad_json_list(tmp_path: Path, text: str, says: str):
    with pytest.raises(DataError, match=says):
        read_table(put(tmp_path, "a.json", text))


def test_white_space_only(tmp_path: Path):
    with pytest.raises(DataError, match="nothing in it but white space"):
        read_table(put(tmp_path, "a.jsonl", "\n \n"))


def test_json_columns_of_several_types(tmp_path: Path):
    lines = ['{"response": "x", "action": 1, "user": "a"}', '{"response": 5, "action": "yes", "user": 7}', '{"response": true}']
    table = read_table(put(tmp_path, "a.jsonl", "\n".join(lines)), texts=["response"], ids=["user"])
    assert table.to_pydict() == {"response": ["x", None, None], "action": ["1", "yes", None], "user": ["a", "7", None]}


def test_json_texts_that_look_like_dates_stay_texts(tmp_path: Path):
    source = put(tmp_path, "a.jsonl", '{"response": "2024-02-29", "n": 1}\n{"response": "2024-03-01", "n": 2}\n')
    assert read_table(source, texts=["response"])["response"].to_pylist() == ["2024-02-29", "2024-03-01"]


def test_json_line_longer_than_a_block(tmp_path: Path):
    source = put(tmp_path, "a.jsonl", '{"a": "' + "x" * 5_000_000 + '"}\n')
    assert len(read_table(source)["a"][0].as_py()) == 5_000_000


def test_half_a_surrogate_pair_in_json(tmp_path: Path):
    assert read_table(put(tmp_path, "a.jsonl", '{"a": "x\\ud800"}\n{"a": "y"}\n'))["a"].to_pylist() == ["x?", "y"]


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 100])
def test_rows_of_several_types_are_the_same_however_many_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int
):
    monkeypatch.setattr("probrm.data.files.json_files._AT_A_TIME", at_a_time)
    rows = [
        {"a": 1, "m": [{"role": "user", "content": "x"}], "n": 1},
        {"a": 2.5, "m": [{"role": "user", "content": [{"text": "y"}]}], "late": True},
        {"a": None, "m": None, "s": {"k": 1}},
        {"a": 3, "m": "z", "n": "four", "s": {"l": "m"}},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = read_table(str(tmp_path / "rows.jsonl"))
    assert table.to_pydict() == {
        "a": [1, 2.5, None, 3],
        "m": ['[{"role": "user", "content": "x"}]', '[{"role": "user", "content": [{"text": "y"}]}]', None, "z"],
        "n": ["1", None, None, "four"],
        "late": [None, True, None, None],
        "s": [None, None, {"k": 1, "l": None}, {"k": None, "l": "m"}],
    }
