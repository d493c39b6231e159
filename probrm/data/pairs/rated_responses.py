"""Rated responses, one a row."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probrm.data.columns.roles import Roles
from probrm.data.columns.texts import keep_usable, read_conversations
from probrm.data.columns.values import Cells, scores
from probrm.data.conversation import Conversation
from probrm.data.files.arrow import is_number, is_text
from probrm.data.files.hints import listed
from probrm.data.pairs.attributes import read_attributes
from probrm.data.pairs.chosen_rejected import read_subset
from probrm.data.pairs.formats import OVERALL
from probrm.data.pairs.recognise import Reading
from probrm.errors import DataError

# Columns that number or date the rows, as pandas leaves them behind too; the first alternative is the empty name.
_NUMBERS_A_ROW = re.compile(r"|(.*_)?(id|idx|index|row|timestamp|seed|turn)|Unnamed: \d+|__index_level_\d+__", re.IGNORECASE)


@dataclass(frozen=True)
class Ratings:
    """Rated responses, n of them.

    Attributes:
        conversations: n prompts with a response.
        rows: int64 (n,), 0-based positions in the file.
        ids: object (n,) of str, all different.
        group: int64 (n,): only responses of the same group are compared.
        groups: how many groups the file has, those without a usable response included.
        attributes: attribute → float64 (n,), NaN where missing.
        overall: float64 (n,), NaN where missing; None without an overall rating.
        user: object (n,) of str, or None.
        subset: object (n,) of str, or None.
    """

    conversations: list[Conversation]
    rows: np.ndarray
    ids: np.ndarray
    group: np.ndarray
    groups: int
    attributes: dict[str, np.ndarray]
    overall: np.ndarray | None
    user: np.ndarray | None = None
    subset: np.ndarray | None = None


def read_ratings(reading: Reading) -> Ratings:
    """A file with one rated response a row, as HelpSteer is published.

    Attributes are the columns that the spec names, else all that hold numbers but are no native column, no overall rating and no
    numbering. Responses are compared within a prompt, and within a user where there is a column ``user_id``.

    Raises:
        DataError: a column or a value cannot be used, or nothing is rated.
    """
    source, parts, table, notes = reading.source, reading.parts, reading.table, reading.notes
    rows = np.arange(table.num_rows, dtype=np.int64)
    found = read_conversations(parts["prompt"], parts["response"], rows, source, chat=False, notes=notes)
    conversations, rows = keep_usable(found, rows, source, notes)
    roles = Roles(source, parts, rows, fitting=reading.fitting, required=frozenset(), notes=notes)
    fix = "write numbers, name another column (--columns overall=NAME), or take the mean of the attributes: --columns overall="
    overall = roles.read("overall", lambda cells: scores(cells, fix=fix))
    overall = None if overall is None or np.isnan(overall).all() else overall
    used = {part.name for part in parts.values()} | set(OVERALL)
    wanted = reading.spec.attributes
    names = [name for name in wanted if name in table.column_names] if wanted else [n for n in table.column_names if n not in used]
    columns = {name: Cells.of(source, name, table.column(name), rows) for name in names}
    if not wanted:
        columns = {
            n: c for n, c in columns.items() if not _NUMBERS_A_ROW.fullmatch(n) and (is_number(c.values.type) or is_text(c.values.type))
        }
    read = read_attributes({name: [cells] for name, cells in columns.items()}, reading)
    if not read and overall is None:
        raise DataError(
            f"{source}: nothing is rated: no column holds ratings; allowed: one numeric column an attribute, or an overall rating; "
            f"found: {listed(table.column_names)}",
            fix="name the columns that hold ratings: --attributes a,b, or --columns overall=NAME",
        )
    user = roles.user()
    keys = [c.prompt_text for c in conversations] if user is None else list(zip([c.prompt_text for c in conversations], user, strict=True))
    group, distinct = pd.factorize(pd.Series(keys, dtype=object))
    return Ratings(
        conversations=conversations,
        rows=rows,
        ids=roles.row_id(),
        group=group.astype(np.int64),
        groups=len(distinct),
        attributes={name: values for name, (values,) in read.items()},
        overall=overall,
        user=user,
        subset=read_subset(roles),
    )
