"""Numbers that a file holds and that float32, in which models compute, does not: in every role that a column can have."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import LogSpec, PairSpec, read_log, read_pairs, read_table
from probrm.data.columns.coding import parse_codes, recoded
from probrm.data.columns.values import Cells, is_lost, names, scores
from probrm.data.covariates.encoding import FeatureMap
from probrm.errors import DataError

Save = Callable[..., str]
N = 60
TOO_SMALL, TOO_LARGE = [5e-324, 1e-46, 1e-40], [1e38, 1e39, 1e300]
NEVER = [float("inf"), float("-inf")]


def spoilt(value: Any, usual: list[Any]) -> list[Any]:
    """The column with a bad value in row 3."""
    return [*usual[:2], value, *usual[3:]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("log.parquet", "log.jsonl", "log.csv")
        for value in (*TOO_SMALL, *TOO_LARGE, *NEVER, 0.0, -1.0)
        if np.isfinite(value) or name != "log.jsonl"  # pandas writes null
    ],
)
def test_weights(save: Save, name: str, value: float):
    with pytest.raises(DataError, match=r"row 3, column 'weight': found .*; allowed: "):
        read_log(save(name, weight=spoilt(value, [1.0] * N)))


@pytest.mark.parametrize("value", [*TOO_SMALL, *TOO_LARGE, *NEVER, 0.0, -0.1, 1.1])
def test_known_propensities(save: Save, value: float):
    with pytest.raises(DataError, match=r"row 3, column 'propensity': found .*; allowed: a probability in"):
        read_log(save(propensity=spoilt(value, [0.5] * N)))


@pytest.mark.parametrize("column", ["action", "label"])
@pytest.mark.parametrize("value", [*TOO_SMALL, *TOO_LARGE, *NEVER, 1e-50, 1 + 1e-15, 0.9999999])
def test_actions_and_labels(save: Save, column: str, value: float):
    usual = [float(i % 3 == 0) for i in range(N)]
    with pytest.raises(DataError, match=f"row 3, column '{column}': found .*; allowed: 0, 1"):
        read_log(save(**{column: spoilt(value, usual)}))


@pytest.mark.parametrize("value", ["1e-50", "1e-400", "1.0000001", "1e400", "9" * 400])
@pytest.mark.parametrize("codes", [{}, {"yes": 1}])
def test_actions_as_text(save: Save, value: str, codes: dict[str, int]):
    action = spoilt(value, [str(int(i % 3 == 0)) for i in range(N)])
    with pytest.raises(DataError, match=f"row 3, column 'action': found '?{value[:20]}"):
        read_log(save(action=action), LogSpec(values=codes))


@pytest.mark.parametrize("value", [0.9999999, 1.0000001, 0.99999999999])
def test_what_a_value_means_is_said_of_that_value_alone(value: float):
    cells = Cells.of("log", "action", pa.array([1.0, value]), np.arange(2))
    assert recoded(cells, parse_codes({"1": 0, "2": 1}), "action").values.to_pylist() == [0, value]
    assert recoded(cells, parse_codes({"1": 0, str(value): 1}), "action").values.to_pylist() == [0, 1]


@pytest.mark.parametrize("value", [*TOO_SMALL, *TOO_LARGE, *NEVER])
@pytest.mark.parametrize("kind", ["ordinal", "log-normal"])
def test_graded_actions(save: Save, kind: str, value: float):
    usual = [float(i % 4 + 1) for i in range(N)]
    with pytest.raises(DataError, match="row 3, column 'graded': found"):
        read_log(save(graded=spoilt(value, usual)), LogSpec(actions=("action", f"graded:{kind}")))


def test_levels_that_are_several_numbers(save: Save):
    levels = [2**53 + i % 2 for i in range(N)]
    with pytest.raises(DataError, match="row 1, column 'graded': found 9007199254740992; allowed: integers below 9007199254740992 in size"):
        read_log(save(graded=levels), LogSpec(actions=("action", "graded:ordinal")))


@pytest.mark.parametrize("value", [float("inf"), 1e300, 2.0**53, -1e20])
@pytest.mark.parametrize("column", ["user_id", "id", "pair"])
def test_ids(save: Save, column: str, value: float):
    usual = [float(i // 2) if column == "pair" else float(i) for i in range(N)]
    more = {"chosen": [i % 2 for i in range(N)]} if column == "pair" else {}
    with pytest.raises(
        DataError, match=f"row 3, column '{column}': found .*; allowed: text, whole numbers, or floats below 9007199254740992"
    ):
        read_log(save(**{column: spoilt(value, usual)}, **more))


@pytest.mark.parametrize(("kind", "most"), [(np.float16, 2**11), (np.float32, 2**24), (np.float64, 2**53)])
def test_ids_that_are_several_numbers_in_their_own_type(kind: Any, most: int):
    def cells(*values: float) -> Cells:
        return Cells.of("log", "user_id", pa.array(np.array(values, kind)), np.arange(len(values)))

    assert names(cells(1, most - 1, np.nan), fix="").tolist() == ["1", str(most - 1), None]
    with pytest.raises(DataError, match=f"floats below {most}"):
        names(cells(1, most), fix="")


@pytest.mark.parametrize("ids", [[2**53, 2**53 + 1], [2**63, 2**63 + 1], [10**30, 10**30 + 1]], ids=["53 bits", "64 bits", "100 bits"])
def test_large_whole_ids_stay_apart(tmp_path: Path, ids: list[int]):
    for name, content in (
        ("log.jsonl", "\n".join(json.dumps({"user_id": one}) for one in ids)),
        ("log.json", json.dumps([{"user_id": one} for one in ids])),
        ("log.csv", "user_id\n" + "\n".join(map(str, ids))),
    ):
        (tmp_path / name).write_text(content)
        column = read_table(str(tmp_path / name), ids=["user_id"])["user_id"]
        assert names(Cells.of(name, "user_id", column, np.arange(2)), fix="").tolist() == list(map(str, ids))
    exact = pa.array([Decimal(one) for one in ids], pa.decimal128(38, 0))
    assert names(Cells.of("log", "user_id", exact, np.arange(2)), fix="").tolist() == list(map(str, ids))


@pytest.mark.parametrize("value", [5e-324, 1e-50, 1e-37, 1e19, 1e39])
def test_covariates_of_any_size_are_standardised(value: float):
    frame = pd.DataFrame({"x": [value * i for i in range(N)]})
    found = FeatureMap.fit(frame.loc[frame["x"] > 1e-300] if value < 1e-300 else frame)
    if value >= 1e-300:
        columns = found.transform(frame)
        np.testing.assert_allclose([columns.mean(), columns.std()], [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    "values", [[0.0, 1e-300], [1e39, *np.linspace(0, 1, 100)], 1 + 1e-14 * np.arange(100)], ids=["tiny", "outlier", "close"]
)
def test_covariates_whose_numbers_become_one(values: Any):
    with pytest.raises(DataError, match="most of them are the same once they are standardised"):
        FeatureMap.fit(pd.DataFrame({"x": values}))


def test_constant_covariates_and_counts():
    frame = pd.DataFrame(
        {"constant": [0.1] * N, "count": [2**63 + 10**17 * i for i in range(N)], "small": [1e-13 * (i % 2) for i in range(N)]}
    )
    assert np.isfinite(FeatureMap.fit(frame).transform(frame)).all()
    assert np.ptp(FeatureMap.fit(frame).transform(frame), axis=0).tolist()[2] == pytest.approx(2)


@pytest.mark.parametrize("value", [1e39, -1e12, 1e300])
def test_a_new_row_that_lies_too_far_out(value: float):
    fitted = FeatureMap.fit(pd.DataFrame({"x": [0.0, 1.0, 2.0]}))
    with pytest.raises(DataError, match=r"covariate 'x': found .* in row 2, .* standard deviations from the mean"):
        fitted.transform(pd.DataFrame({"x": [1.0, value]}))


@pytest.mark.parametrize("value", NEVER)
def test_infinite_covariates(save: Save, value: float):
    with pytest.raises(DataError, match=r"row 3, column 'hour': found -?inf; allowed: finite numbers"):
        read_log(save(hour=spoilt(value, [1.0, 2.0] * (N // 2))), LogSpec(propensity_features=("hour",)))


def pairs(tmp_path: Path, **columns: Any) -> str:
    rows = {"prompt": [f"p{i}" for i in range(N)], "chosen": [f"c{i}" for i in range(N)], "rejected": [f"r{i}" for i in range(N)]}
    pq.write_table(pa.table({**rows, **columns}), tmp_path / "pairs.parquet")
    return str(tmp_path / "pairs.parquet")


@pytest.mark.parametrize("column", ["margin", "weight", "chosen_score", "chosen_helpfulness"])
@pytest.mark.parametrize("value", [*TOO_SMALL, *TOO_LARGE, *NEVER])
def test_pairs(tmp_path: Path, column: str, value: float):
    columns: dict[str, Any] = {column: spoilt(value, [2.0, 3.0] * (N // 2))}
    if column.startswith("chosen_"):
        columns[column.replace("chosen", "rejected")] = [1.0] * N
    spec = PairSpec(attributes=("helpfulness",)) if "helpfulness" in column else PairSpec()
    with pytest.raises(DataError, match=f"row 3, column '{column}': found"):
        read_pairs(pairs(tmp_path, **columns), spec)


def test_attributes_that_differ_in_the_file_alone(tmp_path: Path):
    """Seconds since 1970, say."""
    columns = {"chosen_helpfulness": [1_700_000_001.0] * N, "rejected_helpfulness": [1_700_000_000.0 + i % 2 for i in range(N)]}
    with pytest.raises(DataError, match=r"the attribute 'helpfulness': 1700000001\.0 and 1700000000\.0 are the same number"):
        read_pairs(pairs(tmp_path, **columns), PairSpec(attributes=("helpfulness",)))


def test_strengths_too_large(tmp_path: Path):
    rows = {"prompt": [f"p{i}" for i in range(N)], "response_a": [f"c{i}" for i in range(N)], "response_b": [f"r{i}" for i in range(N)]}
    choice = spoilt("9" * 39, ["-1", "2"] * (N // 2))
    pq.write_table(pa.table({**rows, "choice": choice}), tmp_path / "pairs.parquet")
    spec = PairSpec(columns={"response_0": "response_a", "response_1": "response_b"}, choices={"first": "negative", "second": "positive"})
    with pytest.raises(DataError, match="row 3, column 'choice': found"):
        read_pairs(str(tmp_path / "pairs.parquet"), spec)


@pytest.mark.parametrize("value", [10**400, "9" * 400])
def test_lists_of_scores(tmp_path: Path, value: Any):
    rows = [{"prompt": f"p{i}", "responses": ["a", "b"], "scores": [i, value if i == 2 else 1]} for i in range(N)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError):
        read_pairs(str(tmp_path / "pairs.jsonl"))


@pytest.mark.parametrize("text", ["1e-400", "-0.000001e-400", "1e400", "1e-50", "1e38"])
def test_numbers_as_text_that_vanish_or_overflow(text: str):
    with pytest.raises(DataError, match="row 2, column 'score': found"):
        scores(Cells.of("log", "score", pa.array(["0e5", text]), np.arange(2)), fix="")


def test_what_is_kept():
    values = np.array([0, -0.0, 1e-37, -1e37, 1, np.nan])
    assert not is_lost(values).any()
    assert is_lost(np.array([1e-38, -1e-300, 2e37, np.inf])).all()
    assert np.isfinite(np.float32(1e37) + np.float32(1e37))
    assert np.float32(1e-37) > np.finfo(np.float32).tiny
    assert is_lost(np.array([1e-38, 2e37]), tiny=True).tolist() == [False, True]


def test_a_true_probability_may_be_tiny(save: Save):
    """A simulated log has what a sigmoid gives; as 0 it is as good."""
    assert read_log(save(true_probability=spoilt(3.7e-44, [0.5] * N))).true_probability is not None


def test_weights_that_outweigh_everything_else(save: Save):
    assert read_log(save(weight=[1e5] * N)).weight.max() == 1e5
    with pytest.raises(
        DataError, match=r"row 3, column 'weight': found 10000000; allowed: weights of at most 100,000 on average .they are 1.67e\+05"
    ):
        read_log(save(weight=spoilt(1e7, [1.0] * N)))
