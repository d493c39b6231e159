"""Answers called right are right: worked out again here, by another way than the generator's."""

from __future__ import annotations

import json
import operator
import re
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from scipy import constants

from examples.answers import Answer
from examples.make_log import KINDS, make_texts
from examples.task import Task

TEXTS = make_texts(3000, 0, "log") + make_texts(1000, 0, "test")
TIDY = [(task, answer) for task, answer in TEXTS if answer.manner == "tidy"]


def tidy(kind: str) -> list[tuple[Task, Answer]]:
    found = [(task, answer) for task, answer in TIDY if task.kind == kind]
    assert len(found) > 50
    return found


def fields(pattern: str, text: str) -> tuple[str, ...] | None:
    found = re.search(pattern, text)
    return found.groups() if found else None


def unfenced(text: str) -> str:
    found = re.search(r"```\w*\n(.*?)\n```", text, re.DOTALL)
    assert found, text
    return found[1]


def last_number(text: str, *, after: str) -> float:
    """The number in the sentence that `after` begins."""
    found = re.search(re.escape(after) + r"\D*?(-?\d+(?:\.\d+)?)", text)
    assert found, text
    return float(found[1])


def test_every_kind_is_there_with_right_and_wrong_values() -> None:
    assert len({task.kind for task, _ in TEXTS}) == len(KINDS) == 14
    for task, _ in TEXTS:
        assert task.value not in task.wrong, task
        assert task.code not in task.wrong, task
        assert len(set(task.wrong)) == len(task.wrong) >= 2, task


def test_arithmetic() -> None:
    signs: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub}
    for task, answer in tidy("arithmetic"):
        expression = re.search(r"\d+(?: [-+*] \d+)+", task.prompt)
        assert expression
        tokens = expression[0].split()
        while "*" in tokens:
            at = tokens.index("*")
            tokens[at - 1 : at + 2] = [str(int(tokens[at - 1]) * int(tokens[at + 1]))]
        total = int(tokens[0])
        for sign, number in zip(tokens[1::2], tokens[2::2], strict=True):
            total = signs[sign](total, int(number))
        assert last_number(answer.text, after=f"{expression[0]} =") == total, answer.text


def test_word_problems() -> None:
    for task, answer in tidy("word_problem"):
        if found := fields(r"buys (\d+) .* at \$(\d+) each and pays with \$(\d+)", task.prompt):
            count, price, paid = map(int, found)
            wanted, after = sum([paid, *[-price] * count]), "gets"
        elif found := fields(r"shares (\d+) .* among (\d+) friends", task.prompt):
            wanted, after = len(range(int(found[1]), int(found[0]) + 1, int(found[1]))), "Each friend gets"
        elif found := fields(r"at (\d+) km/h for (\d+) hours", task.prompt):
            wanted, after = sum([int(found[0])] * int(found[1])), "The train goes"
        else:
            found = fields(r"earns \$(\d+) an hour and works (\d+) hours a week.*in 4 weeks", task.prompt)
            assert found, task.prompt
            wanted, after = int(found[0]) * int(found[1]) * 4, "earns"
        assert last_number(answer.text, after=after) == wanted, (task.prompt, answer.text)


def test_units() -> None:
    celsius = "degrees Celsius", "degrees Fahrenheit"
    size = {
        "km": constants.kilo, "miles": constants.mile, "kg": 1, "pounds": constants.lb, "inches": constants.inch, "cm": constants.centi,
        "feet": constants.foot, "metres": 1, "litres": constants.liter, "US gallons": constants.gallon_US, "ounces": constants.oz,
        "grams": constants.gram, "hours": constants.hour, "minutes": constants.minute, "days": constants.day,
    }  # fmt: skip
    for task, answer in tidy("units"):
        found = fields(r"^(\d+) (.+) to (.+)$", task.key)
        assert found
        amount, source, target = float(found[0]), found[1], found[2]
        wanted = constants.convert_temperature(amount, "C", "F") if (source, target) == celsius else amount * size[source] / size[target]
        assert last_number(answer.text, after=f"{found[0]} {source} are") == pytest.approx(wanted, abs=0.0051), answer.text
        assert f"{target}" in answer.text.split(" are ")[-1]


def test_percentages() -> None:
    for task, answer in tidy("percentages"):
        if found := fields(r"What is (\d+)% of (\d+)\?", task.prompt):
            wanted, after = int(found[0]) * int(found[1]) / 100, "% of " + found[1] + " is"
        elif found := fields(r"costs \$(\d+) and is (\d+)% off", task.prompt):
            wanted, after = int(found[0]) * (100 - int(found[1])) / 100, "The sale price is"
        elif found := fields(r"bill is \$(\d+)\. .* (\d+)% tip", task.prompt):
            wanted, after = int(found[0]) * (100 + int(found[1])) / 100, "with the tip is"
        else:
            found = fields(r"from \$(\d+) to \$([\d.]+)\.", task.prompt)
            assert found, task.prompt
            wanted, after = (float(found[1]) / float(found[0]) - 1) * 100, "rose by"
        assert last_number(answer.text, after=after) == pytest.approx(wanted, abs=0.0051), (task.prompt, answer.text)


def test_durations() -> None:
    for task, answer in tidy("durations"):
        if found := fields(r"starts at ([\d:]+) and lasts (\d+) minutes", task.prompt):
            end = datetime.strptime(found[0], "%H:%M") + timedelta(minutes=int(found[1]))
            assert f"ends at {end:%H:%M}" in answer.text, (task.prompt, answer.text)
        else:
            found = fields(r"leaves at ([\d:]+) and arrives at ([\d:]+)", task.prompt)
            assert found, task.prompt
            trip = (datetime.strptime(found[1], "%H:%M") - datetime.strptime(found[0], "%H:%M")) % timedelta(days=1)
            took = fields(r"takes (\d+) h (\d+) min", answer.text)
            assert took
            assert timedelta(hours=int(took[0]), minutes=int(took[1])) == trip, (task.prompt, answer.text)


def test_dates() -> None:
    def day(text: str) -> datetime:
        return datetime.strptime(text, "%d %B %Y")

    a_date = r"(\d+ [A-Z]\w+ \d{4})"
    for task, answer in tidy("dates"):
        if found := fields(f"What day of the week is {a_date}", task.prompt):
            assert f"is a {day(found[0]):%A}" in answer.text, answer.text
        elif found := fields(f"from {a_date} to {a_date}", task.prompt):
            assert f"there are {(day(found[1]) - day(found[0])).days} days" in answer.text, answer.text
        else:
            found = fields(rf"What date is (\d+) days after {a_date}", task.prompt)
            comes = fields(f"comes {a_date}", answer.text)
            assert found
            assert comes
            assert day(comes[0]).toordinal() == day(found[1]).toordinal() + int(found[0]), answer.text


def test_facts() -> None:
    known = {
        "What is the capital of Australia?": "Canberra", "What is the capital of Canada?": "Ottawa", "What is the capital of Morocco?": "Rabat",
        "On which continent is Egypt?": "Africa", "Which currency is used in Poland?": "zloty", "What is the chemical symbol of sodium?": "Na",
        "What is the atomic number of gold?": "79", "What is the chemical symbol of lead?": "Pb", "What is the atomic number of iron?": "26",
    }  # fmt: skip
    checked = 0
    for task, answer in tidy("facts"):
        for question, value in known.items():
            if question[:-1] in task.prompt:
                assert re.search(rf"\bis {value}\b", answer.text), answer.text
                checked += 1
    assert checked >= 5


def test_lists() -> None:
    for task, answer in tidy("lists"):
        order, given = task.key.split(": ")
        items = given.split(", ")
        if "alphabetically" in order:
            wanted = sorted(items)
        elif "duplicates" in order:
            wanted = [item for i, item in enumerate(items) if item not in items[:i]]
        else:
            wanted = sorted(items, key=int, reverse="largest to smallest" in order)
        assert re.search(r"\b" + r"(?:, |\n)".join(wanted) + r"\b", answer.text), (task.prompt, answer.text)
        if "one per line" in task.prompt:
            assert "\n".join(wanted) in answer.text


def test_rewriting() -> None:
    for task, answer in tidy("rewriting"):
        found = fields(r'"(.+)"', task.prompt)
        assert found
        text = found[0]
        if "How many" in task.prompt:
            letter = fields(r"letter '(.)'", task.prompt)
            count = sum(c == letter[0] for c in text) if letter else text.count(" ") + 1
            assert last_number(answer.text, after="appears" if letter else "The text has") == count, (task.prompt, answer.text)
            continue
        capitals = "".join(c.upper() if before == " " else c for before, c in zip(" " + text, text, strict=False))
        wanted = {"upper": "".join(map(str.upper, text)), "title": capitals, "snake": text.replace(" ", "_")}
        shape = fields(r"in (upper|title|snake)[ _]case\.", task.prompt)
        assert (wanted[shape[0]] if shape else " ".join(reversed(text.split(" ")))) in answer.text, (task.prompt, answer.text)


def run_python(block: str, argument: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(block, scope)
    function = next(value for name, value in scope.items() if name != "__builtins__")
    return function(argument)


def reference(name: str, argument: Any) -> Any:
    """What the function of this name has to return, written with loops."""
    family, _, last = name.rpartition("_")
    k = int(last) if last.isdigit() else 0
    match family:
        case "same_both_ways_without":
            letters = [c for c in argument if c != last]
            return all(a == b for a, b in zip(letters, reversed(letters), strict=True))
        case "count":
            return sum(c == last for c in argument)
        case "first" | "last":
            return [x for i, x in enumerate(argument) if (i < k if family == "first" else i >= len(argument) - k)]
        case "above":
            return list(filter(lambda x: x > k, argument))
        case "multiples_of":
            return [x for x in range(1, argument + 1) if x % k == 0]
        case "chunks_of":
            return [[x for _, x in chunk] for _, chunk in groupby(enumerate(argument), lambda pair: pair[0] // k)]
        case "power":
            return [pow(x, k) for x in argument]
        case "every":
            return [x for i, x in enumerate(argument) if i % k == 0]
        case "words_with":
            return [word for word in argument.split(" ") if last in list(word)]
        case "digits_times":
            return sum(k * "0123456789".index(c) for c in str(argument) if c != "-")
        case "star":
            return "*".join(argument.split(last))
        case "pad":
            return "0" * (k - len(argument)) + argument
        case "repeat":
            return [argument[i // k] for i in range(k * len(argument))]
    raise AssertionError(name)


ARGUMENTS = {
    "text": ("", "a", "ab", "level", "noon cab nab", "a certain tram melts in permanent rain or boils", "eli met tom"),
    "items": ([], [1], list("abcdefghijkl"), list(range(25))),
    "numbers": ([], [3, 4, 5, 6, 7, 8, 9, 10], [-2, 0, 11, 2]),
    "limit": (0, 2, 9, 50, 63),
    "number": (0, 7, 1203, -46),
}


def test_python_snippets_run() -> None:
    for task, answer in tidy("python"):
        name, parameter = task.key.rstrip(")").split("(")
        for argument in ARGUMENTS[parameter]:
            assert run_python(unfenced(answer.text), argument) == reference(name, argument), (task.prompt, argument)


def test_wrong_python_snippets_are_wrong() -> None:
    def fails(block: str, name: str, argument: Any) -> bool:
        try:
            return run_python(block, argument) != reference(name, argument)
        except (TypeError, IndexError):
            return True

    for task, _ in {task.key: (task, answer) for task, answer in TEXTS if task.kind == "python"}.values():
        name, parameter = task.key.rstrip(")").split("(")
        for block in task.wrong:
            assert any(fails(block, name, argument) for argument in ARGUMENTS[parameter]), block


def test_sql_runs() -> None:
    rows = [(group, value) for i, group in enumerate("abcde") for value in range(i, 70, 3 + 4 * i)] + [("f", 61), ("f", 2), ("g", 59)]
    for task, answer in tidy("sql"):
        found = fields(r"(\w+)\((\w+), (\w+)\)", task.prompt)
        assert found
        table, group, value = found
        db = sqlite3.connect(":memory:")
        db.execute(f"CREATE TABLE {table} ({group} TEXT, {value} INTEGER)")
        db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        got = db.execute(unfenced(answer.text)).fetchall()
        db.close()
        by_group = {g: [v for h, v in rows if h == g] for g, _ in rows}
        if "the average" in task.prompt:
            assert dict(got) == pytest.approx({g: sum(vs) / len(vs) for g, vs in by_group.items()})
        elif limit := fields(r"above (\d+)", task.prompt):
            assert sorted(got) == sorted(row for row in rows if row[1] > int(limit[0]))
        elif limit := fields(r"the (\d+) rows with the highest", task.prompt):
            assert [v for _, v in got] == sorted((v for _, v in rows), reverse=True)[: int(limit[0])]
        elif limit := fields(r"more than (\d+) rows", task.prompt):
            assert {g for (g,) in got} == {g for g, vs in by_group.items() if len(vs) > int(limit[0])}
        else:
            limit = fields(r"at least (\d+)", task.prompt)
            assert limit
            assert got == [(sum(v for _, v in rows if v >= int(limit[0])),)]


def test_regex_matches() -> None:
    for task, answer in tidy("regex"):
        pattern = re.compile(unfenced(answer.text))
        prefix = (fields(r"(?:matches|string of) ([A-Z]+)", task.prompt) or ("",))[0]
        if "like 2024-03-09" in task.prompt:
            good, bad = [f"{prefix}:1999-12-31"], [f"{prefix}:1999-12-3", f"{prefix}-1999-12-31", "1999-12-31", f"{prefix}:1999-12-311"]
        else:
            n = int((fields(r"(?:to|exactly|and|of|matches) (\d+) (?:capital|digits|or more)", task.prompt) or ("0",))[0])
            assert n, task.prompt
            if "exactly" in task.prompt:
                good, bad = ["7" * n], ["7" * (n + 1), "7" * (n - 1), "x" * n, "7" * n + "x"]
            elif "a dash" in task.prompt:
                good, bad = (
                    [f"{prefix}-" + "4" * n],
                    [prefix + "4" * n, f"{prefix}-" + "4" * (n + 1), f"{prefix}-" + "4" * (n - 1), f"x{prefix}-" + "4" * n],
                )
            elif "or more" in task.prompt:
                good, bad = ["q" * n, "q" * (n + 5)], ["q" * (n - 1), "Q" * n, "q" * n + "1"]
            else:
                good, bad = [prefix + "Z", prefix + "Z" * n], [prefix, prefix + "Z" * (n + 1), prefix + "z"]
        assert all(pattern.search(text) for text in good), (task.prompt, pattern)
        assert not any(pattern.search(text) for text in bad), (task.prompt, pattern)


def test_json_loads() -> None:
    for task, answer in tidy("json"):
        pairs = (pair.split(" ") for pair in task.key.split(", "))
        assert json.loads(unfenced(answer.text)) == {name: int(value) if value.isdigit() else value for name, value in pairs}


def test_shell_commands_run(tmp_path: Path) -> None:
    lines = [f"line {i} {'error timeout' if i % 3 else 'todo failed warning'}" for i in range(50)]
    for ending in ("log", "csv", "txt", "py", "json", "md"):
        (tmp_path / f"data.{ending}").write_text("\n".join(lines) + "\n")
        (tmp_path / f"small.{ending}").write_text("x\n")
    checked = set()
    for task, answer in {task.key: (task, answer) for task, answer in tidy("shell")}.values():
        command = unfenced(answer.text)
        if command.startswith("sed"):  # -i is not the same everywhere
            assert re.fullmatch(r"sed -i 's/\w+/done/g' data\.\w+", command)
            continue
        checked.add(command.split()[0])
        got = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
        if found := fields(r"that contain (\w+)", task.key):
            assert got == [str(sum(found[0] in line for line in lines))]
        elif found := fields(r"last (\d+) lines", task.key):
            assert got == lines[-int(found[0]) :]
        elif found := fields(r"largest (\.\w+) files", task.key):
            assert got == [f"data{found[0]}", f"small{found[0]}"]
        else:
            found = fields(r"all (\.\w+) files changed", task.key)
            assert found
            assert sorted(got) == [f"./data{found[0]}", f"./small{found[0]}"]
    assert checked == {"grep", "tail", "ls", "find"}
