"""Rated responses, one a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from probrm.data.columns.roles import Roles
from probrm.data.columns.texts import keep_usable, read_conversations
from probrm.data.columns.values import Cells, names, scores
from probrm.data.conversation import Conversation
from probrm.data.files.arrow import is_number, is_text
from probrm.data.files.hints import listed
from probrm.data.pairs.attributes import read_attributes
from probrm.data.pairs.chosen_rejected import read_subset
from probrm.data.pairs.rating_names import OVERALL, is_rank
from probrm.data.pairs.recognise import Reading
from probrm.errors import DataError


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
        overall_name: what the overall rating is called; ranks are reversed in ``overall``, so that higher is better there.
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
    overall_name: str = ""
    user: np.ndarray | None = None
    subset: np.ndarray | None = None


def read_ratings(reading: Reading) -> Ratings:
    """A file with one rated response a row, as HelpSteer is published.

    Attributes are the columns that the spec names, else those whose names are known to be those of ratings. Responses are compared
    within a prompt, within a user where there is a column ``user_id``, and within a ``group`` where there is such a column.

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
    named = parts["overall"].name if "overall" in parts else ""
    overall = -overall if overall is not None and is_rank(named) else overall
    used = {part.name for part in parts.values()}
    columns = {
        name: Cells.of(source, name, table.column(name), rows)
        for name in table.column_names
        if name not in used and (is_number(kind := table.schema.field(name).type) or is_text(kind) or pa.types.is_boolean(kind))
    }
    wanted = [name.removeprefix("-") for name in reading.spec.attributes]
    columns |= {name: Cells.of(source, name, table.column(name), rows) for name in wanted if name in used and name in table.column_names}
    other = set(OVERALL[:5]) - set(wanted)  # a second overall rating is no attribute, nor one that is switched off
    columns = {name: cells for name, cells in columns.items() if name not in other}
    read = read_attributes({name: [cells] for name, cells in columns.items()}, reading)
    if not read and overall is None:
        raise DataError(
            f"{source}: nothing is rated: no column holds ratings; allowed: one numeric column an attribute, or an overall rating; "
            f"found: {listed(table.column_names)}",
            fix="name the columns that hold ratings: --attributes a,-b (- where lower is better), or --columns overall=NAME",
        )
    user = roles.user()
    group = roles.read(
        "group", lambda cells: names(cells, fix="name the column that says which responses are compared: --columns group=NAME")
    )
    within = [found for found in (user, group) if found is not None]
    keys = list(zip([c.prompt_text for c in conversations], *within, strict=True))
    groups, distinct = pd.factorize(pd.Series(keys, dtype=object))
    return Ratings(
        conversations=conversations,
        rows=rows,
        ids=roles.row_id(),
        group=groups.astype(np.int64),
        groups=len(distinct),
        attributes={name: values for name, (values,) in read.items()},
        overall=overall,
        overall_name=named,
        user=user,
        subset=read_subset(roles),
    )
