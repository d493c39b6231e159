"""What the values of an action or a label mean, where the user says it: ``--values up=1,down=0,null=0``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from probrm.data.columns.values import MISSING, NOT_ZERO, Cells
from probrm.data.files.arrow import is_number, is_text, to_float
from probrm.data.files.hints import spelled
from probrm.errors import ConfigError, DataError

Codes = dict[str, float | None]
EXAMPLE = "write --values up=1,down=0,null=0; for one column alone: --values label:yes=1"


def parse_codes(values: Mapping[str, object]) -> Codes:
    """Value, in lower case → number, or None for missing; ``COLUMN:value`` speaks of one column.

    Raises:
        ConfigError: a target that is neither a number nor ``null``, or a value that is coded twice.
    """
    found: Codes = {}
    for name, target in values.items():
        key = _key(name)
        number = None if target is None or str(target).strip().lower() in MISSING else _number(target)
        if number is not None and not math.isfinite(number):
            raise ConfigError(f"values: {name!r} becomes {target!r}; allowed: a number, or null for missing", fix=EXAMPLE)
        if key in found and found[key] != number:
            raise ConfigError(f"values: {name!r} is coded twice", fix="say once what it means")
        found[key] = number
    return found


def recoded(cells: Cells, codes: Mapping[str, float | None], native: str) -> Cells:
    """The cells as ``codes`` says; numbers and true or false that are not named stay what they are.

    Args:
        cells: of an action or a label.
        codes: see ``parse_codes``.
        native: what the column is read as, ``action`` or ``label``; a code may name it, or the file's column.

    Raises:
        DataError: a word that is not named, or a label of 0 and 1 whose 0 or 1 a code for all columns would change.
    """
    own = _own(cells.name, codes, native)
    if not own:
        return cells
    texts = _texts(cells)
    if texts is None:
        raise cells.refuse_type("text, numbers or booleans", "name the part of it that holds the value: --columns action=feedback.rating")
    numbers = np.full(len(texts), np.nan)
    for word in dict.fromkeys(texts):
        number = own.get(word, _word(word))
        at = texts == word
        if word in own or word == "":
            numbers[at] = np.nan if number is None else number
        elif number is None:
            known = ", ".join(dict.fromkeys((*own, "0", "1", "true", "false")))
            raise cells.error(int(at.argmax()), f"{known} (as --values names them)", f"say what it means: --values {word}=0")
        else:
            numbers[at] = number
    _check_twice(cells, codes, native, texts)
    return replace(cells, values=pa.chunked_array([pa.array(numbers, from_pandas=True)]))


def _own(column: str, codes: Mapping[str, float | None], native: str) -> dict[str, float | None]:
    """The codes for this column: those for all, then those that name it."""
    prefixes = {f"{native}:", f"{column.lower()}:"}
    everywhere = {key: value for key, value in codes.items() if ":" not in key}
    named = {key.split(":", 1)[1]: value for key, value in codes.items() if any(key.startswith(p) for p in prefixes)}
    return {("" if key in MISSING else key): value for key, value in (everywhere | named).items()}


def _check_twice(cells: Cells, codes: Mapping[str, float | None], native: str, texts: np.ndarray) -> None:
    """A label that is 0 and 1 already is not turned round by what was said of the action's values."""
    plain = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}
    changed = [key for key, number in plain.items() if key in codes and codes[key] != number and (texts == key).any()]
    if native == "label" and changed and set(texts) <= {*plain, ""}:
        raise DataError(
            f"{cells.source}, column {cells.name!r}: it holds 0 and 1 already, and --values gives {changed[0]} another meaning",
            fix=f"say which column that is about: --values action:{changed[0]}={codes[changed[0]]:g}"
            if codes[changed[0]] is not None
            else f"say which column that is about: --values action:{changed[0]}=null",
        )


def _texts(cells: Cells) -> np.ndarray | None:
    """Values as lower-case text, missing ones empty; None of a nested column."""
    kind = cells.values.type
    if pa.types.is_null(kind):
        return np.full(len(cells.rows), "", dtype=object)
    if is_number(kind):
        return np.array(["" if np.isnan(v) else spelled(v) for v in to_float(cells.values)], dtype=object)
    if not (is_text(kind) or pa.types.is_boolean(kind)):
        return None
    found = [("" if v is None else str(v).strip().lower()) for v in cells.values.to_pylist()]
    return np.array(["" if v in MISSING else _key(v) for v in found], dtype=object)


def _key(text: str) -> str:
    """One spelling of a value: lower case, ``1.0`` as ``1``."""
    text = str(text).strip().lower()
    column, colon, value = text.rpartition(":")
    number = _number(value)
    return f"{column}{colon}{spelled(number)}" if math.isfinite(number) else text


def _word(word: str) -> float | None:
    known = {"true": 1.0, "false": 0.0}
    number = known.get(word, _number(word))
    return number if math.isfinite(number) else None


def _number(text: object) -> float:
    """NaN of what is no number, or none that is told from 0."""
    written = str(text).strip()
    try:
        number = float(written)
    except ValueError:
        return math.nan
    return math.nan if number == 0 and re.match(NOT_ZERO, written) else number
