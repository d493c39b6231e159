"""Runs that were saved before every file moved to its room still load, and score as they did then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

import probrm
from tests.support import call

SAVED = Path(__file__).with_name("saved_runs")
OWN = ("reward_own_low", "reward_own_high", "probability_low", "probability_high", "epistemic_sd", "aleatoric_sd")
LOGS, PAIRS = ("implicit", "naive", "sar-em"), ("bradley-terry", "vrm")


@pytest.mark.parametrize("kind", [*LOGS, *PAIRS])
def test_a_saved_run_is_what_it_was(kind: str, tmp_path: Path) -> None:
    run = probrm.load(SAVED / kind)
    assert run.kind == kind
    source = SAVED / ("log.parquet" if kind in LOGS else "pairs.parquet")
    done = call(
        "score",
        str(SAVED / kind),
        "--data",
        str(source),
        "--embeddings",
        str(SAVED / "store.safetensors"),
        "--out",
        str(tmp_path / "now.csv"),
    )
    assert done.code == 0, done.err
    then, now = (pyarrow.csv.read_csv(path).to_pandas() for path in (SAVED / f"{kind}.csv", tmp_path / "now.csv"))
    # Later than those runs: of VRM each objective's, of logs the very answer's, and the parts of its variance.
    added = [name for name in now.columns if name.startswith("score_") or name in OWN]
    assert list(then.columns) == [name for name in now.columns if name not in added]
    assert len(added) == (len(OWN) if kind in LOGS else 0) + sum(name.startswith("score_") for name in now.columns)
    assert any(name.startswith("score_") for name in added) == (kind == "vrm")
    for name in then.columns:
        if then[name].dtype.kind == "f":
            np.testing.assert_allclose(now[name], then[name], rtol=1e-5, atol=1e-6)
        else:
            assert (now[name] == then[name]).all()
    assert call("posterior", str(SAVED / kind)).code == 0
