from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.data import read_table
from probrm.data.files import json_files
from probrm.data.products.records import records
from probrm.errors import DataError

Put = Callable[[str, str | bytes], str]


@pytest.mark.parametrize("bad", ['{"a": 2', "5", "nonsense", '["a"]'])
def test_broken_json_names_the_line(put: Put, bad: str):
    with pytest.raises(DataError, match="line 4: "):
        read_table(put("a.jsonl", '{"a": 1}\n\n{"a": 2}\n' + bad + '\n{"a": 3}\n'))


def test_broken_json_far_down_in_a_file_of_several_blocks(put: Put):
    line = '{"a": "' + "x" * 100 + '"}\n'
    with pytest.raises(DataError, match="line 60001: broken JSON"):
        read_table(put("a.jsonl", line * 60_000 + '{"a": 1\n' + line))


def test_a_json_list_of_objects(put: Put):
    assert read_table(put("a.json", ' [{"a": 1}, {"a": 2, "b": "x"}]')).to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize(("text", "says"), [('[{"a": 1}, 5]', "row 2: found 5, not a JSON object"), ('[{"a": 1}', "broken JSON")])
def test_a_bad_json_list(put: Put, text: str, says: str):
    with pytest.raises(DataError, match=says):
        read_table(put("a.json", text))


def test_white_space_only(put: Put):
    with pytest.raises(DataError, match="nothing in it but white space"):
        read_table(put("a.jsonl", "\n \n"))


def test_json_columns_of_several_types(put: Put):
    lines = ['{"response": "x", "action": 1, "user": "a"}', '{"response": 5, "action": "yes", "user": 7}', '{"response": true}']
    table = read_table(put("a.jsonl", "\n".join(lines)), texts=["response"], ids=["user"])
    assert table.to_pydict() == {"response": ["x", None, None], "action": ["1", "yes", None], "user": ["a", "7", None]}


def test_json_texts_that_look_like_dates_stay_texts(put: Put):
    source = put("a.jsonl", '{"response": "2024-02-29", "n": 1}\n{"response": "2024-03-01", "n": 2}\n')
    assert read_table(source, texts=["response"])["response"].to_pylist() == ["2024-02-29", "2024-03-01"]


def test_json_line_longer_than_a_block(put: Put):
    source = put("a.jsonl", '{"a": "' + "x" * 5_000_000 + '"}\n')
    assert len(read_table(source)["a"][0].as_py()) == 5_000_000


def test_half_a_surrogate_pair_in_json(put: Put):
    assert read_table(put("a.jsonl", '{"a": "x\\ud800"}\n{"a": "y"}\n'))["a"].to_pylist() == ["x?", "y"]


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


BROKEN = {
    "null": ("null\n", "line 1: found null, not a JSON object"),
    "null, then objects": ('null\n{"a": 1}\n', "line 1: found null"),
    "null after objects": ('{"a": 1}\nnull\n', "line 2: found null"),
    "null behind an object": ('{"a": 1} null\n', "line 1: broken JSON"),
    "a number": ("5", "line 1: found 5"),
    "a text": ('"x"', 'line 1: found "x"'),
    "a truth value": ("true", "line 1: found true"),
    "a list of null": ("[null]", "row 1: found null"),
    "a list of lists": ("[[1], [2]]", r"row 1: found \[1\]"),
    "lists a line": ("[1]\n[2]\n", "row 1: found 1"),
    "empty objects": ("{}\n{}\n", "its rows hold nothing"),
    "an empty list": ("[]", "there are no rows"),
    "two lists": ('[{"a": 1}]\n[{"a": 2}]', "after the end of the list"),
    "nested 50,000 deep": ('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}", "line 1: it is nested 50,001 deep; allowed: 100"),
    "objects nested 50,000 deep": ('{"a":' * 50_000 + "1" + "}" * 50_000, "line 1: it is nested 50,000 deep"),
    "nested deep further down": ('{"a": 1}\n' * 9 + '{"a": ' + "[" * 101 + "]" * 101 + "}\n", "line 10: it is nested 102 deep"),
    "a list nested deep": ('[{"a": ' + "[" * 5000 + "]" * 5000 + "}]", "row 1: broken JSON .it is nested"),
    "opened and never closed": ('{"a":' * 50_000, "broken JSON .it is nested"),
    "a key twice": ('{"a": 1}\n{"a": 1, "a": 2}\n', "line 2: broken JSON .the key 'a' is there twice"),
    "a key twice inside": ('{"b": {"a": 1, "a": 2}}\n', "line 1: broken JSON .the key 'a' is there twice"),
    "a key twice in a list": ('[{"a": 1, "a": 2}]', "row 1: broken JSON .the key 'a' is there twice"),
    "half of a surrogate pair in a key": ('{"\\ud800": 1}\n', "surrogate"),
    "5,000 digits": ('{"a": ' + "9" * 5000 + "}\n", "more digits than are read"),
    "a comma at the end": ('{"a": 1,}\n', "line 1: broken JSON"),
    "commas between lines": ('{"a": 1},\n{"a": 2}\n', "line 1: broken JSON"),
    "a comma at the end of a list": ('[{"a": 1},]', "row 2: broken JSON"),
    "no comma in a list": ('[{"a": 1} {"a": 2}]', "row 1: broken JSON .found"),
    "a comment": ('{"a": 1} // one\n', "line 1: broken JSON"),
    "cut short": ('{"a": 1}\n{"a"', "line 2: broken JSON"),
    "a list cut short": ('[{"a": 1}, {"a"', "row 2: broken JSON"),
    "a list without its end": ('[{"a": 1}', "row 1: broken JSON .found the end of the file"),
    "a line break in a text": ('{"a": "x\ny"}\n', "broken JSON"),
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_file_of_objects_is_told_where(put: Put, name: str, case: str):
    content, says = BROKEN[case]
    source = put(name, content)
    with pytest.raises(DataError, match=says):
        read_table(source)
    if case not in ("an empty list", "empty objects"):
        with pytest.raises(DataError):
            list(records(source))


READ = {
    "a list of null": ('{"a": [null]}\n', [{"a": [None]}]),
    "two on a line": ('{"a": 1} {"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "one over several lines": ('{\n "a": 1,\n "b": {\n "c": 2\n}}\n', [{"a": 1, "b": {"c": 2}}]),
    "several over several lines": ('{\n "a": 1\n}\n{\n "a": 2\n}\n', [{"a": 1}, {"a": 2}]),
    "carriage returns": ('{"a": 1}\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
    "empty lines": ('\n{"a": 1}\n \n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
    "spaces at the ends": (' {"a": 1} \n\t{"a": 2}\t\n', [{"a": 1}, {"a": 2}]),
    "a NUL that is written": ('{"a": "x\\u0000"}\n', [{"a": "x\0"}]),
    "spaces before colons": ('{"a" : 1}\n{"a" : 2}\n', [{"a": 1}, {"a": 2}]),
    "a large whole number": ('{"a": 9007199254740993}\n', [{"a": 9007199254740993}]),
    "whole numbers that no float has": ('{"a": 123456789012345678901}\n{"a": 1}\n', [{"a": "123456789012345678901"}, {"a": "1"}]),
    "ids of twenty digits": (
        '{"a": 18446744073709551616}\n{"a": 18446744073709551617}\n',
        [{"a": f"1844674407370955161{i}"} for i in (6, 7)],
    ),
    "a large whole number and a float": ('{"a": 9007199254740993}\n{"a": 0.5}\n', [{"a": "9007199254740993"}, {"a": "0.5"}]),
    "the same inside": ('{"a": {"b": [18446744073709551617]}}\n', [{"a": '{"b": [18446744073709551617]}'}]),
    "larger than any float": ('{"a": 1e400}\n{"a": 1}\n', [{"a": float("inf")}, {"a": 1.0}]),
    "infinite": ('{"a": Infinity}\n{"a": -Infinity}\n', [{"a": float("inf")}, {"a": float("-inf")}]),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_read_as_it_is_written(put: Put, case: str):
    content, rows = READ[case]
    assert read_table(put("a.jsonl", content)).to_pylist() == rows


@pytest.mark.parametrize("first", [10, 40, 1 << 20])
def test_what_is_new_further_down_is_found(put: Put, monkeypatch: pytest.MonkeyPatch, first: int):
    """Arrow is told what the first lines hold; keys and types that come later change it."""
    monkeypatch.setattr("probrm.data.files.json_guard._FIRST", first)
    monkeypatch.setattr("probrm.data.files.json_guard._CHUNK", first)
    rows = [
        *({"a": 1, "s": {"x": "p"}, "l": []} for _ in range(5)),
        {"a": 2.5, "s": {"x": "q", "y": True}, "l": [{"r": "u"}]},
        {"late": "2024-02-29", "a": None},
        {"late": "2024-03-01", "l": [{"r": "v", "t": 1}]},
    ]
    source = put("a.jsonl", "\n".join(map(json.dumps, rows)))
    table = read_table(source, texts=["late"])
    assert table["late"].to_pylist() == [None] * 6 + ["2024-02-29", "2024-03-01"]
    assert table["a"].to_pylist() == [1.0] * 5 + [2.5, None, None]
    assert table["s"].to_pylist()[:6] == [{"x": "p", "y": None}] * 5 + [{"x": "q", "y": True}]
    assert table["l"].to_pylist()[5:] == [[{"r": "u", "t": None}], None, [{"r": "v", "t": 1}]]


@pytest.mark.parametrize("first", [20, 1 << 20])
def test_whole_numbers_stay_exact_where_floats_come_later(put: Put, monkeypatch: pytest.MonkeyPatch, first: int):
    monkeypatch.setattr("probrm.data.files.json_guard._FIRST", first)
    monkeypatch.setattr("probrm.data.files.json_files._AT_A_TIME", 2)
    source = put("a.jsonl", '{"a": 9007199254740993}\n' * 3 + '{"a": 1.5}\n' * 3)
    assert read_table(source)["a"].to_pylist() == ["9007199254740993"] * 3 + ["1.5"] * 3


def test_keys_of_their_own_take_no_memory_that_grows_with_the_square(
    put: Put, little_memory: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
):
    """Votes by user, say: 3,000 objects with a key of their own are 9 million cells."""
    monkeypatch.setattr(json_files, "_CELLS", 1 << 18)
    little_memory(1 << 25)
    source = put("a.jsonl", "".join(f'{{"prompt": "x", "votes": {{"user{i}": 1}}}}\n' for i in range(3_000)))
    with pytest.raises(DataError, match=r"its objects have [\d,]+ different keys"):
        read_table(source)
    one = put("b.jsonl", '{"votes": [' + ", ".join(f'{{"user{i}": 1}}' for i in range(3_000)) + "]}\n")
    with pytest.raises(DataError, match=r"row 1: its objects have 3,001 different keys"):
        read_table(one)


def test_many_columns_and_hardly_anything_in_them(put: Put, little_memory: Callable[[int], None], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_files, "_CELLS", 1 << 18)
    little_memory(1 << 25)
    wide = "{" + ", ".join(f'"c{i}": 1' for i in range(1_000)) + "}\n"
    with pytest.raises(DataError, match="its objects have 1,000 different keys"):
        read_table(put("a.jsonl", wide + "{}\n" * 5_000))


def test_columns_of_several_types_take_one_pass_more_however_many_they_are(put: Put, monkeypatch: pytest.MonkeyPatch):
    passes = []
    real = json_files.objects
    monkeypatch.setattr(json_files, "objects", lambda *given: passes.append(1) or real(*given))
    rows = [{f"c{i}": 1 if row else "x" for i in range(50)} for row in range(3)]
    table = read_table(put("a.jsonl", "\n".join(map(json.dumps, rows))))
    assert table.to_pylist() == [{f"c{i}": "1" if row else "x" for i in range(50)} for row in range(3)]
    assert len(passes) == 2
