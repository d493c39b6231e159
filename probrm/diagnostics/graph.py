"""User–prompt overlap: whether the activity of users can be compared through the content that they share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from probrm.errors import DataError

Array = np.ndarray
OFTEN = 3
"""Rows from which on a user's activity can be told from the answers that they happened to get."""


@dataclass(frozen=True)
class Graph:
    """The graph of users × content of a log.

    Attributes:
        users: distinct ones.
        content: distinct prompts.
        cells: distinct cells of covariates; 0 where none were given.
        components: connected parts; effects of users in different parts are compared by the prior alone.
        largest_share: of the rows, in the part with the most rows.
        often: rows from which on a user counts as seen often.
        users_seen_often: users with at least so many rows.
        users_alone: users none of whose content any other user has seen.
    """

    users: int
    content: int
    cells: int
    components: int
    largest_share: float
    often: int
    users_seen_often: int
    users_alone: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def user_content_graph(
    user: Shaped[Array, " n"], content: Shaped[Array, " n"], covariate_cells: Shaped[Array, " n"] | None = None, *, often: int = OFTEN
) -> Graph:
    """Connected components of the graph whose edges are the rows: user – content (– cell of covariates).

    Additive effects of users and content are identified up to a constant in each connected component, and only there
    (Abowd, Creecy & Kramarz 2002, Computing Person and Firm Effects Using Linked Longitudinal Data). A model in which content
    has no effect of its own (the embedding takes its place) needs less: this is the case without any model. Cells of
    covariates, where they are given, are a third kind of node: two users who met under the same circumstances are then
    connected too.

    Args:
        user: any id of each row's user.
        content: any id of what was shown, such as the prompt.
        covariate_cells: any id of the combination of covariates; None leaves them out.
        often: rows from which on a user counts as seen often.

    Raises:
        DataError: no rows, or columns of different lengths.
    """
    columns = [np.asarray(column) for column in (user, content, covariate_cells) if column is not None]
    if len({len(column) for column in columns}) != 1 or not len(columns[0]):
        raise DataError(
            f"users, content and cells have {', '.join(str(len(c)) for c in columns)} rows; allowed: the same number, at least 1",
            fix="give each row of the log one entry in each of them",
        )
    codes, counts = zip(*(np.unique(column, return_inverse=True)[1::-1] for column in columns), strict=True)
    counts = [len(levels) for levels in counts]
    nodes = [code.ravel() + offset for code, offset in zip(codes, np.cumsum([0, *counts[:-1]]), strict=True)]
    tail = np.concatenate([nodes[0]] * (len(nodes) - 1))
    head = np.concatenate(nodes[1:])
    size = sum(counts)
    components, part = connected_components(coo_array((np.ones(len(tail)), (tail, head)), shape=(size, size)), directed=False)
    rows_of_part = np.bincount(part[nodes[0]], minlength=components)
    rows_of_user = np.bincount(codes[0].ravel(), minlength=counts[0])
    return Graph(
        users=counts[0],
        content=counts[1],
        cells=counts[2] if len(counts) > 2 else 0,
        components=int(components),
        largest_share=float(rows_of_part.max() / len(columns[0])),
        often=often,
        users_seen_often=int((rows_of_user >= often).sum()),
        users_alone=_alone(codes[0].ravel(), codes[1].ravel(), counts[0]),
    )


def _alone(user: Array, content: Array, users: int) -> int:
    """Users all of whose content was seen by them only."""
    pairs = np.unique(np.stack([user, content]), axis=1)
    shared = np.bincount(pairs[1])[pairs[1]] > 1
    return users - len(np.unique(pairs[0][shared]))
