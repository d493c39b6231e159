"""The graph of users × content."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from probrm.diagnostics import user_content_graph
from probrm.errors import DataError


def explored(*columns: np.ndarray) -> int:
    """Components by walking from node to node."""
    beside: dict[tuple[int, object], set[tuple[int, object]]] = defaultdict(set)
    for row in zip(*columns, strict=True):
        nodes = list(enumerate(row))
        for node in nodes:
            beside[node] |= set(nodes)
    left, parts = set(beside), 0
    while left:
        parts, open_nodes = parts + 1, [left.pop()]
        while open_nodes:
            for node in beside[open_nodes.pop()] & left:
                left.remove(node)
                open_nodes.append(node)
    return parts


def test_two_islands() -> None:
    found = user_content_graph(np.array(["a", "a", "b", "c", "c", "c"]), np.array([1, 2, 2, 7, 8, 9]))
    assert found.components == 2
    assert found.largest_share == 0.5
    assert (found.users, found.content, found.cells) == (3, 5, 0)
    assert (found.users_seen_often, found.users_alone) == (1, 1)  # c has three rows, and what c saw nobody else did


def test_a_shared_prompt_joins_them() -> None:
    found = user_content_graph(np.array(["a", "a", "b", "c", "c", "c"]), np.array([1, 2, 2, 2, 8, 9]), often=2)
    assert (found.components, found.largest_share) == (1, 1.0)
    assert (found.users_seen_often, found.users_alone) == (2, 0)


def test_cells_of_covariates_join_what_content_does_not() -> None:
    user, content = np.array(["a", "b", "c"]), np.array([1, 2, 3])
    assert user_content_graph(user, content).components == 3
    joined = user_content_graph(user, content, np.array(["mobile", "mobile", "web"]))
    assert (joined.components, joined.cells) == (2, 2)
    assert joined.largest_share == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_components_against_a_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    user, content, cell = rng.integers(0, 40, 60), rng.integers(0, 50, 60), rng.integers(0, 30, 60)
    assert user_content_graph(user, content).components == explored(user, content)
    assert user_content_graph(user, content, cell).components == explored(user, content, cell)


def test_columns_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="have 2, 3 rows"):
        user_content_graph(np.zeros(2), np.zeros(3))
    with pytest.raises(DataError, match="have 0, 0 rows"):
        user_content_graph(np.zeros(0), np.zeros(0))
