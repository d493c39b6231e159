from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import probrm.simulation
from probrm.data import LogSpec, read_log, write_table
from probrm.errors import DataError
from probrm.simulation import RatedSpec, SimulationSettings, read_rated, read_simulation, simulate, simulate_log, write_simulation


def rated(n: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"a{i}" for i in range(n)],
            "prompt": [f"question {i // 3}" for i in range(n)],
            "response": [f"answer {i}" for i in range(n)],
            "rating": draw.integers(1, 6, n),
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> str:
    rated().to_parquet(tmp_path / "rated.parquet")
    return str(tmp_path / "rated.parquet")


def test_the_log_is_one_that_can_be_read_and_fitted(file: str, tmp_path: Path) -> None:
    settings = SimulationSettings("independent", seed=3, anchors=20, exposures=2)
    found = simulate_log(read_rated(file), settings)
    out = str(tmp_path / "log.parquet")
    write_simulation(found, out)
    log = read_log(out, LogSpec(propensity_features=("surface", "position")))
    frame: Any = pd.read_parquet(out)
    assert len(log) == len(frame) == 240
    assert log.action is not None
    assert log.label is not None
    assert log.user is not None
    labelled = ~np.isnan(log.label)
    assert labelled.sum() == 20
    np.testing.assert_array_equal(log.label[labelled], frame["true_preference"][labelled])
    assert ((frame["rating"] > found.record["threshold"]) == (frame["true_preference"] == 1)).all()
    assert (frame.loc[frame["true_preference"] == 0, "action"] == 0).all()
    assert frame["id"].is_unique
    assert list(frame["id"][:3]) == ["a0/0", "a0/1", "a1/0"]


def test_the_same_draws_as_in_code(file: str) -> None:
    given = read_rated(file)
    table = simulate_log(given, SimulationSettings("user", seed=5, users=6, rate=0.3)).table
    drawn = simulate(given.rating, given.good, "user", rate=0.3, users=6, seed=5)
    np.testing.assert_array_equal(table["action"].to_numpy(), drawn.action)
    np.testing.assert_array_equal(table["true_propensity"].to_numpy(), drawn.propensity)
    assert table["surface"].to_pylist() == list(drawn.covariates["surface"])


def test_anchors_are_nested_and_leave_the_rest_alone(file: str) -> None:
    tables = [simulate_log(read_rated(file), SimulationSettings(anchors=k, rate=0.4)).table for k in (0, 10, 50)]
    labels = [table["label"].to_pandas().notna().to_numpy() for table in tables]
    assert [int(chosen.sum()) for chosen in labels] == [0, 10, 50]
    assert labels[2][labels[1]].all()
    assert len({str(table.drop_columns(["label"]).to_pydict()) for table in tables}) == 1


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl.gz"])
def test_settings_travel_with_the_log(file: str, tmp_path: Path, name: str) -> None:
    found = simulate_log(read_rated(file), SimulationSettings("against", seed=2, rate=0.4, alpha=0.3))
    files = write_simulation(found, tmp_path / name)
    record = read_simulation(tmp_path / name)
    assert record is not None
    assert record["settings"] == {
        "mechanism": "against", "seed": 2, "rate": 0.4, "alpha": 0.3, "users": 6, "exposures": 1, "anchors": 0, "randomised": 0.15,
    }  # fmt: skip
    assert (record["version"], record["source"], record["rows"]) == (probrm.__version__, Path(file).name, 120)
    assert len(record["sha256"]) == 64
    assert record["actions"] == sum(found.table["action"].to_pylist())
    assert sorted(str(path) for path in tmp_path.glob("log*")) == sorted(files)  # and nothing unfinished


def test_files_of_others_have_no_record(file: str, tmp_path: Path) -> None:
    rated().to_csv(tmp_path / "x.csv")
    assert read_simulation(file) is None
    assert read_simulation(tmp_path / "x.csv") is None


def test_pairs_become_two_answers_each(tmp_path: Path) -> None:
    path = str(tmp_path / "pairs.csv")
    pd.DataFrame({"prompt": ["p"] * 30, "chosen": [f"c{i}" for i in range(30)], "rejected": [f"r{i}" for i in range(30)]}).to_csv(path)
    found = read_rated(path)
    assert len(found) == 60
    assert all(c.response.startswith("c") == good for c, good in zip(found.conversations, found.good, strict=True))
    assert len(set(found.row_id)) == 60
    assert len(simulate_log(found, SimulationSettings("constant", rate=0.5)).table) == 60


def test_randomised_rows_carry_labels_and_the_true_columns_are_there(file: str, tmp_path: Path) -> None:
    found = simulate_log(read_rated(file), SimulationSettings("selected", seed=3, exposures=10, randomised=0.2))
    out = str(tmp_path / "log.parquet")
    write_simulation(found, out)
    frame: Any = pd.read_parquet(out)
    selection = found.record["propensity"]["selection"]
    assert len(frame) == selection["chosen"] + selection["randomised"] < selection["offers"] == 1200
    np.testing.assert_array_equal(frame["label"].notna(), frame["randomised"] == 1)
    assert found.record["labels"] == selection["randomised"] == (frame["randomised"] == 1).sum()
    assert (frame["label"] == frame["true_preference"])[frame["randomised"] == 1].all()
    np.testing.assert_allclose(frame["choice_probability"], 0.5 ** (5 - frame["rating"]) / np.sqrt(frame["position"].astype(float)))
    assert frame["true_propensity"].between(0, 1, inclusive="neither").all()
    assert (frame.loc[frame["true_preference"] == 0, "action"] == 0).all()
    # Each row is the answer that its id names.
    original = rated().set_index("id").loc[frame["id"].str.split("/").str[0]]
    assert frame["id"].is_unique
    assert original["response"].tolist() == frame["response"].tolist()
    assert original["rating"].tolist() == frame["rating"].tolist()
    assert "shown at random and labelled" in found.notes[-1]
    log = read_log(out, LogSpec(propensity_features=("surface", "position"), reward_features=("randomised",)))
    assert len(log) == len(frame)


def test_selection_from_pairs_and_labels_beside_the_randomised_rows(tmp_path: Path) -> None:
    path = str(tmp_path / "pairs.csv")
    pd.DataFrame({"prompt": ["p"] * 200, "chosen": [f"c{i}" for i in range(200)], "rejected": [f"r{i}" for i in range(200)]}).to_csv(path)
    table = simulate_log(read_rated(path), SimulationSettings("selected", rate=0.5, anchors=30)).table
    labelled, at_random = table["label"].to_pandas().notna(), table["randomised"].to_pandas() == 1
    assert labelled[at_random].all()
    assert at_random.sum() < labelled.sum() <= at_random.sum() + 30


def test_a_selection_of_too_few_rows_says_how_many_offers_it_takes(file: str) -> None:
    with pytest.raises(DataError, match=r"are \d+ rows; a fit needs 50") as caught:
        simulate_log(read_rated(file), SimulationSettings("selected", alpha=0.1))
    more = int(str(caught.value.fix).rsplit(" ", 1)[1])
    enough = SimulationSettings("selected", alpha=0.1, exposures=2 * more, rate=0.5)  # twice: the number of rows is random
    assert len(simulate_log(read_rated(file), enough).table) >= 50


def test_chats_stay_chats(tmp_path: Path) -> None:
    path = tmp_path / "chats.parquet"
    chat = [[{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}] for i in range(60)]
    write_table(pa.table({"messages": chat, "rating": [float(i % 4) for i in range(60)]}), path)
    out = tmp_path / "log.parquet"
    write_simulation(simulate_log(read_rated(str(path)), SimulationSettings(rate=0.5)), out)
    log = read_log(str(out))
    assert (log.conversations[7].prompt_text, log.conversations[7].response) == ("q7", "a7")


def test_which_column_is_the_rating(tmp_path: Path) -> None:
    frame = rated().assign(score=lambda f: 6 - f["rating"])
    both = tmp_path / "both.parquet"
    frame.to_parquet(both)
    first, second = read_rated(str(both)), read_rated(str(both), RatedSpec(rating="score"))
    np.testing.assert_array_equal(first.rating, 6 - second.rating)
    frame.rename(columns={"rating": "label"}).to_parquet(both)
    np.testing.assert_array_equal(read_rated(str(both)).rating, first.rating)
    np.testing.assert_array_equal(read_rated(str(both), RatedSpec({"rating": "score"})).rating, second.rating)


def test_rows_without_a_rating_are_dropped_and_told(tmp_path: Path) -> None:
    frame = rated().astype({"rating": "float64"})
    frame.loc[[0, 5], "rating"] = np.nan
    frame.to_csv(tmp_path / "holes.csv", index=False)
    found = read_rated(str(tmp_path / "holes.csv"))
    assert len(found) == 118
    assert "a0" not in found.row_id
    assert "2 of 120 rows have no rating" in found.notes[0]


@pytest.mark.parametrize(
    ("changed", "spec", "settings", "message"),
    [
        ({"rating": None}, RatedSpec(), {}, "there is no column 'rating' or 'label'"),
        ({"rating": "good"}, RatedSpec(), {}, "row 1, column 'rating': found 'good'"),
        ({"rating": 3}, RatedSpec(), {}, "the rating is 3 in all 120 rows"),
        ({}, RatedSpec(rating="grade"), {}, "there is no column 'grade'"),
        ({}, RatedSpec(threshold=9.0), {}, "--threshold 9: no|with --threshold 9 no rating is good"),
        ({"prompt": None}, RatedSpec(), {}, "there is no column 'prompt'"),
        ({"response": ""}, RatedSpec(), {}, "empty or non-text"),
        ({}, RatedSpec(), {"rate": 1e-9}, "nobody acts"),
        ({}, RatedSpec(), {"exposures": 0}, "--exposures: found 0"),
        ({}, RatedSpec(), {"anchors": 121}, "--anchors: found 121"),
        ({}, RatedSpec(), {"anchors": -1}, "--anchors: found -1"),
        ({}, RatedSpec({"action": "x"}), {}, "there is no 'action'"),
        ({}, RatedSpec({"rating": "id"}, rating="rating"), {}, "one of the two"),
    ],
)
def test_what_is_refused(tmp_path: Path, changed: dict[str, Any], spec: RatedSpec, settings: dict[str, Any], message: str) -> None:
    frame = rated()
    for column, value in changed.items():
        frame = frame.drop(columns=column) if value is None else frame.assign(**{column: value})
    frame.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(probrm.errors.ProbrmError, match=message):
        simulate_log(read_rated(str(tmp_path / "bad.csv"), spec), SimulationSettings(**settings))


def test_the_action_is_not_proposed_for_a_missing_rating(tmp_path: Path) -> None:
    rated().drop(columns="rating").assign(action=0, stars=3).to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(DataError, match="numeric columns: action, stars") as caught:
        read_rated(str(tmp_path / "log.csv"))
    assert "did you mean" not in str(caught.value)


def test_too_few_rows(tmp_path: Path) -> None:
    rated(20).to_parquet(tmp_path / "few.parquet")
    few = read_rated(str(tmp_path / "few.parquet"))
    with pytest.raises(DataError, match="--exposures 3"):
        simulate_log(few, SimulationSettings())
    assert simulate_log(few, SimulationSettings(exposures=3, rate=0.5)).table.num_rows == 60


def test_a_full_disk_leaves_nothing(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = simulate_log(read_rated(file), SimulationSettings())
    folder = tmp_path / "out"
    folder.mkdir()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("probrm.data.files.writing._write", full)
    for name in ("log.csv", "log.parquet"):
        with pytest.raises(DataError, match="the disk is full"):
            write_simulation(found, folder / name)
    assert not list(folder.iterdir())


def test_metadata_is_json_in_the_schema(file: str, tmp_path: Path) -> None:
    write_simulation(simulate_log(read_rated(file), SimulationSettings()), tmp_path / "log.parquet")
    assert b"probrm.simulation" in pq.read_schema(tmp_path / "log.parquet").metadata


@pytest.mark.parametrize("name", probrm.simulation.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(probrm.simulation, name) is not None


def test_the_room_itself_imports_nothing_heavy() -> None:
    code = "import sys, probrm.simulation; print([m for m in ('pandas', 'pyarrow', 'numpy', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
