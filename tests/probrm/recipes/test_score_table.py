from __future__ import annotations

import numpy as np
import pyarrow as pa

from probrm.recipes.score_table import with_scores


def test_rows_keep_their_order_and_those_without_scores_are_missing() -> None:
    table = pa.table({"a": ["x", "y", "z"], "b": [1, 2, 3]})
    found, notes = with_scores(table, np.array([2, 0]), {"p": np.array([0.3, 0.1]), "q": np.array([3.0, 1.0])})
    assert found.column_names == ["a", "b", "p", "q"]
    assert found.column("a").to_pylist() == ["x", "y", "z"]
    np.testing.assert_allclose(found.column("p").to_pandas(), [0.1, np.nan, 0.3], atol=1e-7)
    assert found.column("q").to_pylist() == [1.0, None, 3.0]
    assert found.column("q").type == pa.float32()
    assert notes == []


def test_columns_of_the_same_name_are_replaced_and_told() -> None:
    table = pa.table({"p": [9.0, 9.0], "a": ["x", "y"]})
    found, notes = with_scores(table, np.array([0, 1]), {"p": np.array([0.5, 0.25])})
    assert found.column_names == ["a", "p"]
    assert found.column("p").to_pylist() == [0.5, 0.25]
    assert notes == ["columns replaced by this run's: p"]
