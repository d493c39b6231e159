"""The published RealHumanEval log, in both forms, from the command line to its scores.

Most of the time goes into encoding long answers: without ``--thorough`` they are cut after 64 tokens, and one form is fitted by Laplace.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import support
from tests.support import call

pytestmark = pytest.mark.long

FORMS = {
    "logs.parquet": ("--columns", "action=copied", "--derive", "code_block"),
    "chat_data.csv": ("--preset", "realhumaneval"),
}


SHORT = {
    "logs.parquet": ("--set", "encoder.max_length=64", "--inference", "laplace"),
    "chat_data.csv": ("--set", "encoder.max_length=64"),
}


@dataclass(frozen=True)
class Published:
    """A form of the log, the run fitted to it with the defaults, and who copied in it."""

    data: Path
    run: str
    posterior: dict[str, Any]
    copies: Any


@pytest.fixture(scope="module", params=FORMS)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Published:
    data = Path(os.environ.get("PROBRM_DATA", "")) / "realhumaneval" / request.param
    if not os.environ.get("PROBRM_DATA") or not data.is_file():
        pytest.skip(f"PROBRM_DATA does not name a folder with realhumaneval/{request.param}")
    run = str(tmp_path_factory.mktemp("published") / "run")
    with support.environment():
        cut = () if request.config.getoption("--thorough") else SHORT[request.param]
        done = call("fit", "implicit", "--data", str(data), *FORMS[request.param], *cut, "--out", run, "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["diagnostics"]["held_out_rows"] > 100
        posterior = json.loads(call("posterior", run, "--json").out)
    if data.suffix == ".csv":
        frame: Any = pd.read_csv(data)
        copies = (frame["copy_events"] != "[]").groupby(frame["programmer_id"].astype(str)).sum()
    else:
        frame = pd.read_parquet(data)
        copies = frame["copied"].astype(int).groupby(frame["user_id"].astype(str)).sum()
    return Published(data, run, posterior, copies)


def test_code_blocks_make_users_copy(published: Published) -> None:
    effects = published.posterior["variables"]["propensity_effects"]
    assert effects["coords"] == {"propensity_effect": ["code_block"]}
    assert effects["low"][0] > 0


def test_users_who_never_copy_are_less_active(published: Published) -> None:
    found = published.posterior["variables"]["user_activity"]
    activity: Any = pd.Series(found["mean"], index=found["coords"]["user"])
    never = published.copies[published.copies == 0].index.intersection(activity.index)
    ever = published.copies[published.copies > 0].index.intersection(activity.index)
    assert len(never) > 3
    assert len(never) + len(ever) == len(activity)
    assert activity[never].mean() < activity[ever].mean()
    assert activity[never].max() < activity[ever].max()


def test_every_row_is_scored(published: Published, tmp_path: Path) -> None:
    out = tmp_path / "scored.parquet"
    done = call("score", published.run, "--data", str(published.data), "--out", str(out), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["scored"] >= 0.98 * found["rows"]
    scored: Any = pd.read_parquet(out)
    rewards = scored["reward"].dropna()
    assert len(rewards) == found["scored"]
    assert np.isfinite(rewards).all()
    assert rewards.std() > 0.1


def test_a_row_of_it(published: Published) -> None:
    done = call("posterior", published.run, "--row", "0", "--json")
    assert done.code == 0, done.err
    assert "code_block" in json.loads(done.out)["propensity_log_odds"]
