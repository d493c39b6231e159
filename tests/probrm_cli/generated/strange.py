"""Texts, numbers and names that programs stumble over."""

from __future__ import annotations

import random

CONTROLS = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\link",
    "\x9b31mC1",
    "\x85next",
    "\u202egnp.exe",
    "\u2066iso\u2069",
    "\u200fmark",
    "bell\x07",
    "back\x08\x08\x08",
    "carriage\rreturn",
    "line\nbreak",
    "\u2028line\u2029paragraph",
    "tab\there",
    "null\x00byte",
    "\x7fdelete",
)
"""What a terminal would obey."""
MARKUP = (
    "[red]x[/red]",
    "[/]",
    "[bold",
    "[link=http://x]y[/link]",
    "<script>alert(1)</script>",
    "</style><b>",
    "{{7*7}}",
    "{%x%}",
    "$x^2$",
    "$\\frac{",
)
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1")
NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "NaN",
    "1e999",
    "1e308",
    "1e-400",
    "9" * 19,
    "-" + "9" * 19,
    "9" * 400,
    "9" * 5000,
)
NUMBERS += (
    "1_000",
    "0x10",
    "１２",
    "1,5",
    "1e5",
    "00",
    "+1",
    " 1",
    "1 ",
    "2147483648",
    "18446744073709551616",
    "100000000",
    "true",
    "false",
    "null",
    "none",
)
SHAPES = (
    "[]",
    "{}",
    "[1]",
    '["a"]',
    "{a=1}",
    "{a={b={c=1}}}",
    "[[[[]]]]",
    '""',
    "''",
    "'''",
    '"""',
    "[",
    "{",
    "[" * 3000,
    "{a=" * 500,
    "1979-05-27",
    "07:32:00",
)
NAMES = (
    "",
    " ",
    ".",
    "..",
    "/",
    "~",
    "~nosuchuser",
    "~nosuchuser/x",
    "/dev/zero",
    "/dev/null",
    "/dev/stdin",
    "/proc/self/mem",
    "../x",
    "x/../../y",
    "-",
    "--",
    "-x",
)
NAMES += (
    "*",
    "?",
    "[",
    "a*b",
    "x" * 300,
    "x" * 5000,
    "é" * 200,
    "owner/name",
    "owner/name:split",
    "http://127.0.0.1:9/x.csv",
    "s3://b/k.csv",
    "file:///etc/passwd",
)
NAMES += (
    "hf://d/x.csv",
    "memory://x.csv",
    "zip://a.csv::b.zip",
    "data:,x",
    "nosuch://x",
    "con",
    "a\\b",
    "fifo",
    "folder",
    "log.parquet",
    "pairs.parquet",
    "empty.csv",
)
WORDS = (
    "a",
    "é",
    "日本語",
    "😀",
    "a b",
    "%s",
    "{0}",
    "$(id)",
    "`id`",
    "'",
    '"',
    "\\",
    ",",
    "=",
    "==",
    "a=b",
    "a=b=c",
    ",,",
    "=,=",
    ":",
    ";",
    "|",
    "&",
    "#",
    "\ufeff",
    "\u0301",
)
WORDS += (
    "prompt",
    "response",
    "action",
    "label",
    "default",
    "auto",
    "svi",
    "nuts",
    "laplace",
    "implicit",
    "vrm",
    "1=2",
    "up=1,down=0",
    "prompt=prompt",
    "ß" * 100,
)


def text(draw: random.Random, *, argument: bool = False) -> str:
    """Any of these, sometimes two of them, sometimes very long; as an argument without what the system cannot hand over."""
    pools = (CONTROLS, MARKUP, FORMULAS, NUMBERS, SHAPES, NAMES, WORDS)
    found = draw.choice(draw.choice(pools))
    if draw.random() < 0.15:
        found = draw.choice(("", " ", ",", "=", ".", "/", ":")).join((found, draw.choice(draw.choice(pools))))
    if draw.random() < 0.03:
        found = (found or "x") * draw.choice((50, 2000))
    if draw.random() < 0.03:
        found = "".join(
            chr(draw.choice((draw.randrange(1, 128), draw.randrange(1, 0xD800), draw.randrange(0x10000, 0x10FFFF)))) for _ in range(20)
        )
    if not argument:
        return found
    found = found.replace("\0", "0")[:100_000]
    return found if draw.random() > 0.03 else found + "\udc80"  # a byte that is no UTF-8, as Python hands it over


def name(draw: random.Random) -> str:
    """Of a file or folder."""
    return draw.choice(NAMES) if draw.random() < 0.7 else text(draw, argument=True)


def scalar(draw: random.Random) -> object:
    """A value as JSON or a column may have it."""
    numbers = (0, 1, -1, 2, 10**9, 10**18, -(10**18), 2**63, 10**30, 0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"))
    return draw.choice(
        (None, True, False, draw.choice(numbers), draw.choice(numbers), text(draw), text(draw), [], {}, [1], {"a": 1}, [[]], [None])
    )
