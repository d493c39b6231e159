from __future__ import annotations

from collections.abc import Callable

import pytest

from probrm.data import read_table
from probrm.data.files.csv_files import csv_names
from probrm.errors import DataError

Put = Callable[[str, str | bytes], str]


@pytest.mark.parametrize(("line", "found"), [("1,2,3", 3), ("1", 1)])
def test_ragged_csv_names_the_row(put: Put, line: str, found: int):
    source = put("a.csv", "prompt,response\n" + "x,y\n" * 4 + line + "\nx,y\n")
    with pytest.raises(DataError, match=f"row 5: found {found} values where the header names 2 columns"):
        read_table(source)


def test_ragged_csv_far_down_in_a_file_of_several_blocks(put: Put):
    source = put("a.csv", "prompt,response\n" + f"{'x' * 100},y\n" * 60_000 + "1,2,3\n")
    with pytest.raises(DataError, match="row 60001: found 3 values"):
        read_table(source)


@pytest.mark.parametrize("rows", [1, 100_000])
def test_csv_with_an_open_quote_is_an_error_not_a_crash(put: Put, rows: int):
    with pytest.raises(DataError):
        read_table(put("a.csv", 'prompt,response\n"x,y\n' + "x,y\n" * rows))


def test_csv_texts_with_commas_quotes_and_line_breaks(put: Put):
    source = put("a.csv", '\ufeffprompt,response\n"a, ""b""\nc",é\n')
    assert read_table(source).to_pylist() == [{"prompt": 'a, "b"\nc', "response": "é"}]


def test_csv_columns_of_texts_and_ids_stay_text(put: Put):
    source = put("a.csv", "response,user,n\n7.50,007,1\n12,012,2\n")
    assert read_table(source, texts=["response"], ids=["user", "absent"]).to_pydict() == {
        "response": ["7.50", "12"],
        "user": ["007", "012"],
        "n": [1, 2],
    }


def test_csv_cell_longer_than_a_block(put: Put):
    source = put("a.csv", f"prompt,response\n{'x' * 5_000_000},y\n")
    assert len(read_table(source)["prompt"][0].as_py()) == 5_000_000


def test_names_are_those_of_the_header_however_long_the_rows(put: Put):
    assert csv_names(put("a.csv", f'"a, b",c\n{"x" * 5_000_000},y\n1,2,3\n'), "a.csv") == ["a, b", "c"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_many_columns_take_time_in_proportion(put: Put, name: str):
    names = [f"c{i}" for i in range(5_000)]
    csv = ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n"
    json = "{" + ", ".join(f'"{name}": 1' for name in names) + "}\n"
    assert read_table(put(name, csv if name == "a.csv" else json)).column_names == names


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_columns_of_one_name(put: Put, name: str):
    with pytest.raises(DataError, match="several columns have the same name: 'a', 'b'"):
        read_table(put(name, "a,b,a,b\n1,2,3,4\n".replace(",", "\t" if name == "a.tsv" else ",")))


@pytest.mark.parametrize("row", ["x;y", "x, and so on;y"])
@pytest.mark.parametrize(("name", "separator", "said"), [("a.csv", ";", "semicolons"), ("a.csv", "\t", "tabs"), ("a.tsv", ",", "commas")])
def test_columns_separated_by_something_else(put: Put, name: str, separator: str, said: str, row: str):
    source = put(name, "prompt;response\n".replace(";", separator) + f"{row}\n".replace(";", separator) * 3)
    with pytest.raises(DataError, match=f"{name}: {said} separate its columns: prompt") as caught:
        read_table(source)
    assert caught.value.fix.endswith(", or name the file .tsv") == (said == "tabs")
