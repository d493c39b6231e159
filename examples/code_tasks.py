"""Tasks whose natural answer is a code block: Python, SQL, regular expressions, shell, JSON."""

from __future__ import annotations

import json
from random import Random

from examples.task import Task, ask

# Name and argument, what it does, the body, two wrong bodies; @ is a small number and # a letter, drawn for each task.
PYTHON = (
    (
        "same_both_ways_without_#(text)",
        "tells whether text, with every letter '#' left out, reads the same backwards",
        "kept = text.replace('#', '')\nreturn kept == kept[::-1]",
        ("return text == text[::-1] + '#'", "kept = text.replace('#', '')\nreturn kept[0] == kept[-2:]"),
    ),
    (
        "count_#(text)",
        "counts how often the letter '#' occurs in text",
        "return text.count('#')",
        ("return text.find('#')", "return len(text) - text.count('#')"),
    ),
    ("first_@(items)", "returns the first @ items of a list", "return items[:@]", ("return items[1:@]", "return items[@:]")),
    ("last_@(items)", "returns the last @ items of a list", "return items[-@:]", ("return items[:-@]", "return items[:@]")),
    (
        "above_@(numbers)",
        "keeps the numbers greater than @",
        "return [n for n in numbers if n > @]",
        ("return [n for n in numbers if n >= @]", "return [n > @ for n in numbers]"),
    ),
    (
        "multiples_of_@(limit)",
        "lists the positive multiples of @ up to and including limit",
        "return list(range(@, limit + 1, @))",
        ("return list(range(0, limit, @))", "return [n * @ for n in range(limit)]"),
    ),
    (
        "chunks_of_@(items)",
        "splits a list into chunks of @ items",
        "return [items[i:i + @] for i in range(0, len(items), @)]",
        ("return [items[i:i + @] for i in range(len(items))]", "return items[::@]"),
    ),
    (
        "power_@(numbers)",
        "raises every number to the power of @",
        "return [n ** @ for n in numbers]",
        ("return [n * @ for n in numbers]", "return sum(numbers) ** @"),
    ),
    (
        "every_@(items)",
        "takes each @-th item of a list, starting with the first",
        "return items[::@]",
        ("return items[@:]", "return items[@ - 1::@]"),
    ),
    (
        "words_with_#(text)",
        "returns the words of text that contain the letter '#'",
        "return [word for word in text.split() if '#' in word]",
        ("return [word for word in text if '#' in word]", "return [word for word in text.split() if '#' not in word]"),
    ),
    (
        "digits_times_@(number)",
        "adds up the digits of a number and multiplies the sum by @",
        "return @ * sum(int(digit) for digit in str(abs(number)))",
        ("return @ * len(str(number))", "return @ + sum(int(digit) for digit in str(abs(number)))"),
    ),
    (
        "star_#(text)",
        "replaces every letter '#' of text by a star",
        "return text.replace('#', '*')",
        ("return text.strip('#')", "return text.replace('*', '#')"),
    ),
    (
        "pad_@(text)",
        "pads text with zeros on the left to @ characters",
        "return text.rjust(@, '0')",
        ("return text.ljust(@, '0')", "return '0' * @ + text"),
    ),
    (
        "repeat_@(items)",
        "repeats every item of a list @ times, one after the other",
        "return [item for item in items for _ in range(@)]",
        ("return [item for _ in range(@) for item in items]", "return [items] * @"),
    ),
)


def python(rng: Random) -> Task:
    """Functions of one or two lines."""
    signature, what, body, wrong = rng.choice(PYTHON)
    number, letter = str(rng.randint(3, 9)), rng.choice("abceilmnoprst")

    def fill(text: str) -> str:
        return text.replace("@", number).replace("#", letter)

    head = f"def {fill(signature)}:"

    def function(lines: str) -> str:
        return "\n".join([head, *(f"    {fill(line)}" for line in lines.split("\n"))])

    name, what = fill(signature), fill(what)
    prompt = ask(rng, (f"Write a Python function {name} that {what}.", f"I need {name} in Python: it {what}."))
    return Task(
        kind="python",
        key=name,
        prompt=prompt,
        say="This function {}",
        value=what,
        bare=fill(body).replace("\n", "; "),
        wrong=tuple(function(lines) for lines in wrong),
        work="A single expression does the work, without a loop of its own",
        code=function(body),
        language="python",
        stub=f"{head}\n    pass  # TODO",
    )


TABLES = (
    ("orders", "customer", "amount"),
    ("employees", "department", "salary"),
    ("books", "author", "price"),
    ("trips", "driver", "distance"),
    ("visits", "page", "seconds"),
    ("players", "team", "score"),
    ("houses", "city", "rooms"),
    ("sensors", "station", "reading"),
)


def sql(rng: Random) -> Task:
    """One-line queries over a table with one text and one number column."""
    (table, group, value), n, few = rng.choice(TABLES), rng.randint(2, 60), rng.randint(2, 5)
    what, query, wrong = rng.choice(
        (
            (
                f"the average {value} for each {group}",
                f"SELECT {group}, AVG({value}) FROM {table} GROUP BY {group};",
                (f"SELECT AVG({value}) FROM {table};", f"SELECT {group}, SUM({value}) FROM {table} GROUP BY {group};"),
            ),
            (
                f"the rows with {value} above {n}",
                f"SELECT * FROM {table} WHERE {value} > {n};",
                (f"SELECT * FROM {table} WHERE {value} < {n};", f"SELECT {value} > {n} FROM {table};"),
            ),
            (
                f"the {few} rows with the highest {value}",
                f"SELECT * FROM {table} ORDER BY {value} DESC LIMIT {few};",
                (f"SELECT * FROM {table} ORDER BY {value} LIMIT {few};", f"SELECT MAX({value}) FROM {table};"),
            ),
            (
                f"every {group} with more than {few} rows",
                f"SELECT {group} FROM {table} GROUP BY {group} HAVING COUNT(*) > {few};",
                (f"SELECT {group} FROM {table} GROUP BY {group} HAVING COUNT(*) < {few};", f"SELECT COUNT(*) FROM {table};"),
            ),
            (
                f"the sum of {value} over rows with {value} of at least {n}",
                f"SELECT SUM({value}) FROM {table} WHERE {value} >= {n};",
                (f"SELECT COUNT({value}) FROM {table} WHERE {value} >= {n};", f"SELECT SUM({value}) FROM {table};"),
            ),
        )
    )
    columns = f"{table}({group}, {value})"
    return Task(
        kind="sql",
        key=f"{what} from {table}",
        prompt=ask(rng, (f"SQL query: {what} from the table {columns}.", f"Table {columns}. Give me SQL for {what}.")),
        say="The query returns {}",
        value=what,
        bare=query.lower().rstrip(";"),
        wrong=wrong,
        work=f"It reads from {table} and names only columns that the table has",
        code=query,
        language="sql",
        stub=f"SELECT {group} FROM {table} -- ...",
    )


PREFIXES = ("AB", "INV", "ID", "TX", "NO", "KEY", "REF", "LOT")


def regex(rng: Random) -> Task:
    """Patterns for whole strings."""
    n, prefix = rng.randint(2, 9), rng.choice(PREFIXES)
    what, pattern, wrong = rng.choice(
        (
            (f"exactly {n} digits", rf"^\d{{{n}}}$", (rf"\d+{n}", rf"^\D{{{n}}}$")),
            (f"{prefix}, a dash and {n} digits", rf"^{prefix}-\d{{{n}}}$", (rf"^{prefix}\d{{{n}}}$", rf"^{prefix}-\d$")),
            (f"{n} or more lower-case letters", rf"^[a-z]{{{n},}}$", (rf"^[A-Z]{{{n},}}$", rf"^[a-z]{{0,{n - 1}}}$")),
            (
                f"{prefix}, a colon and a date like 2024-03-09",
                rf"^{prefix}:\d{{4}}-\d{{2}}-\d{{2}}$",
                (rf"^{prefix}:\d{{2}}-\d{{2}}$", rf"^{prefix}-\d{{4}}$"),
            ),
            (
                f"{prefix} and then 1 to {n} capital letters",
                rf"^{prefix}[A-Z]{{1,{n}}}$",
                (rf"^{prefix}[a-z]{{1,{n}}}$", rf"^{prefix}[A-Z]{{{n + 1}}}$"),
            ),
        )
    )
    return Task(
        kind="regex",
        key=what,
        prompt=ask(rng, (f"Write a regular expression that matches {what} and nothing else.", f"Which regex matches a string of {what}?")),
        say="The pattern matches {}",
        value=what,
        bare=pattern,
        wrong=wrong,
        work="The anchors ^ and $ keep anything before and after it out",
        code=pattern,
        language="regex",
        stub=pattern[: len(pattern) // 2],
    )


def shell(rng: Random) -> Task:
    """One-line commands over files."""
    kind, n = rng.choice(("log", "csv", "txt", "py", "json", "md")), rng.randint(2, 40)
    word = rng.choice(("error", "todo", "timeout", "failed", "warning"))
    what, command, wrong = rng.choice(
        (
            (
                f"count the lines of data.{kind} that contain {word}",
                f"grep -c {word} data.{kind}",
                (f"grep -v {word} data.{kind}", f"wc -w data.{kind}"),
            ),
            (f"show the last {n} lines of data.{kind}", f"tail -n {n} data.{kind}", (f"head -n {n} data.{kind}", f"wc -l data.{kind}")),
            (
                f"find all .{kind} files changed in the last {n} days",
                f"find . -name '*.{kind}' -mtime -{n}",
                (f"ls *.{kind}", f"find . -name '*.{kind}' -mtime +{n}"),
            ),
            (
                f"list the {n} largest .{kind} files here",
                f"ls -S *.{kind} | head -n {n}",
                (f"ls *.{kind} | tail -n {n}", f"du -sh . | head -n {n}"),
            ),
            (
                f"replace {word} by done in data.{kind}",
                f"sed -i 's/{word}/done/g' data.{kind}",
                (f"sed 's/done/{word}/' data.{kind}", f"grep {word} data.{kind}"),
            ),
        )
    )
    return Task(
        kind="shell",
        key=what,
        prompt=ask(rng, (f"Shell command to {what}?", f"How do I {what} on the Linux command line?", f"bash: {what}")),
        say="It will {}",
        value=what,
        bare=command,
        wrong=wrong,
        work="Run it in the folder that holds the files",
        code=command,
        language="bash",
        stub=command.split()[0] + " ...",
    )


FIELDS: dict[str, tuple[str | int, ...]] = {
    "name": ("Ana", "Ben", "Chidi", "Dara", "Elif"),
    "city": ("Lima", "Oslo", "Cairo", "Hanoi"),
    "colour": ("red", "green", "blue"),
    "team": ("north", "south", "east"),
    "age": (19, 27, 34, 48, 61),
    "rooms": (1, 2, 3, 5),
    "price": (15, 40, 99, 250),
    "stock": (0, 7, 12, 80),
}


def to_json(rng: Random) -> Task:
    """Fields turned into a JSON object."""
    record = {field: rng.choice(FIELDS[field]) for field in rng.sample(sorted(FIELDS), rng.randint(3, 5))}
    items, text = list(record.items()), ", ".join(f"{field} {value}" for field, value in record.items())
    return Task(
        kind="json",
        key=text,
        prompt=ask(rng, (f"Turn this into a JSON object: {text}", f"Write as JSON, numbers as numbers: {text}", f"JSON please: {text}")),
        say="The object holds {}",
        value=f"{len(items)} fields",
        bare=str(record),
        wrong=(json.dumps(dict(items[:-1])), json.dumps([value for _, value in items]), str(items)),
        work="Texts stand in double quotes, numbers do not",
        code=json.dumps(record, indent=rng.choice((None, 2))),
        language="json",
        stub=json.dumps(dict(items[:1]))[:-1] + ", ...",
    )
