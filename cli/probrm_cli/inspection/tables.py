"""What ``probrm inspect`` shows a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from probrm_cli.terminal import print_table, say

if TYPE_CHECKING:
    from probrm.inspection import Inspection

_SHOWN = ("preferred: ", "ignored columns: ", "exposures: ")
"""Notes that say what the tables have."""


def print_inspection(found: Inspection, command: str) -> None:
    """The reading, what is in the file, what to look at, and the command that fits it."""
    unit = "rows" if found.kind == "log" else "pairs"
    what = "a log of actions" if found.kind == "log" else "preference pairs"
    form = f", read as {found.form} ({'named' if found.named else 'recognised'})" if found.form else ""
    say(f"{found.file}: {what}{form}: {found.used:,} {unit} of {found.rows:,} rows", "")
    if found.other:
        say(f"not read {found.other}", "")
    print_table("columns", ("role", "column"), _columns(found), words=(1,))
    if found.exposures is not None:
        verdict = found.exposures
        why = f": {verdict['why']}" if verdict["why"] else ""
        say(f"exposures: {verdict['verdict']}{why}; {verdict['acted']:,} of {verdict['rows']:,} answers have an action", "")
    if found.actions:
        print_table("actions", ("action", "kind", "rows", "says"), map(_action, found.actions), words=(1, 3))
    if found.attributes:
        rows = ((one["name"], f"{one['scored']:,}", _share(one["agree"], one["agree"] + one["disagree"])) for one in found.attributes)
        print_table("attributes", ("attribute", "pairs with scores", "higher on the preferred side"), rows)
    print_table("counts", ("", "number", "median of one", "most of one"), _counts(found))
    print_table("lengths", ("", "median", "90 % are below", "longest"), _lengths(found))
    other = [note for note in found.notes if note not in found.dropped and not note.startswith(_SHOWN)]
    for title, lines in (("dropped", found.dropped), ("notes", other), ("look at", found.warnings)):
        if lines:
            say(f"{title}:", *(f"  {line.removeprefix('dropped: ')}" for line in lines), "")
    say("fit it with:", f"  {command}")


def _columns(found: Inspection) -> Iterator[tuple[str, str]]:
    yield from found.columns.items()
    if found.preferred:
        yield "preferred", found.preferred
    if found.ignored:
        yield "(ignored)", ", ".join(found.ignored)


def _action(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    if "rate" in one:
        says = f"{one['taken']:,} taken ({one['rate']:.1%})"
    elif "levels" in one:
        says = ", ".join(f"{level}: {count:,}" for level, count in one["levels"].items())
    else:
        says = f"median {one['seconds']['median']:.3g} s, at most {one['seconds']['max']:.3g} s"
    return f"{one['column']}{' (against the answer)' * one['against']}", one["kind"], f"{one['observed']:,}", says


def _counts(found: Inspection) -> Iterator[tuple[str, ...]]:
    of_one = {"prompts": found.prompts, **({"users": found.users} if found.users else {})}
    for name, counts in of_one.items():
        yield name, f"{counts['count']:,}", f"{counts['median']:.0f}", f"{counts['max']:,}"
    plain: dict[str, int | None] = {"without a user": (found.users or {}).get("anonymous")}
    plain |= {f"explicit labels: {name}": count for name, count in (found.labels or {}).items()}
    plain |= {"repeat an earlier one": found.duplicates["repeated"], "contradict another": found.duplicates.get("contradictory")}
    plain |= {"ties": (found.balance or {}).get("ties")}
    yield from ((name, f"{count:,}", "", "") for name, count in plain.items() if count is not None)
    for key, name in (("first_preferred", "the first is preferred"), ("longer_preferred", "the longer is preferred")):
        if (share := (found.balance or {}).get(key)) is not None:
            yield name, f"{share:.1%}", "", ""


def _lengths(found: Inspection) -> Iterator[tuple[str, ...]]:
    for text, units in found.lengths.items():
        for unit, spread in units.items():
            yield f"{text}, {unit}", *(f"{spread[key]:,.0f}" for key in ("median", "p90", "max"))
    tokens = found.tokens
    if tokens is not None:
        part = "" if tokens["texts"] == tokens["of"] else f", of {tokens['texts']:,} texts of {tokens['of']:,}"
        yield f"both, tokens{part}", *(f"{tokens[key]:,.0f}" for key in ("median", "p90", "max"))
        yield f"cut at {tokens['max_length']} tokens", _share(tokens["cut"], tokens["texts"]), "", ""


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
