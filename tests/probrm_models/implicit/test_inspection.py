from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch

from probrm.config import build_config
from probrm.data import LogSpec, read_log
from probrm.runs import Run
from probrm_models.implicit.inspection import inspect_row
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.recipe import ImplicitRecipe
from tests import support


@pytest.fixture(autouse=True)
def _cache() -> Iterator[None]:
    with support.environment():
        yield


def fitted(*sets: str, features: tuple[str, ...] = ("surface", "hour")) -> Run:
    recipe = ImplicitRecipe()
    flags = {"data": {"propensity_features": list(features)}, "inference": {"name": "laplace"}, "starts": 1}
    return recipe.fit(support.log_path(), build_config(recipe, flags=flags, sets=sets), embeddings=support.store_path())


def look(run: Run, at: int) -> dict[str, Any]:
    from probrm.encoders import read_store

    log = read_log(support.log_path(), LogSpec.from_dict(run.config["data"]))
    batch = run.inputs.batch(log, read_store(support.store_path()).encode(log.conversations))
    return inspect_row(run, log, at, batch.subset(torch.tensor([at])))


@pytest.fixture(scope="module")
def run() -> Run:
    return fitted()


def test_the_strata_of_a_row_without_an_action(run: Run) -> None:
    """Bayes' rule draw by draw, from the row's own reward and propensity, written out."""
    frame = support.unlabelled()
    at = int((frame["action"] == 0).to_numpy().argmax())
    found = look(run, at)
    draws = {name: value.double().numpy() for name, value in run.draws.items()}
    hour = (frame["hour"] - frame["hour"].mean()) / frame["hour"].std(ddof=0)
    model: Any = run.model
    user = model.shape.users.index(frame["user_id"][at])
    parts = {
        "intercept": draws["propensity_intercept"],
        "surface[web]": draws["propensity_effects"][:, 0] * (frame["surface"][at] == "web"),
        "hour": draws["propensity_effects"][:, 1] * hour[at],
        f"user {frame['user_id'][at]}": draws["user_activity"][:, user],
    }
    assert found["propensity_log_odds"].keys() == parts.keys()
    for name, part in parts.items():
        assert found["propensity_log_odds"][name]["mean"] == pytest.approx(part.mean(), abs=1e-4)
        assert found["propensity_log_odds"][name]["low"] == pytest.approx(np.quantile(part, 0.05), abs=1e-4)
    mu = 1 / (1 + np.exp(-sum(parts.values())))
    assert found["propensity"]["mean"] == pytest.approx(mu.mean(), abs=1e-5)
    from probrm.encoders import read_store

    log = read_log(support.log_path(), LogSpec.from_dict(run.config["data"]))
    vector = run.inputs.scaled(read_store(support.store_path()).encode([log.conversations[at]]))[0].double().numpy()
    intercept = cast(ImplicitModel, run.model).reward_intercept({name: torch.from_numpy(value) for name, value in draws.items()}).numpy()
    reward = intercept + draws["reward_weights"] @ vector / 6**0.5
    gamma = 1 / (1 + np.exp(-reward))
    assert found["reward"]["reward"] == pytest.approx(reward.mean(), abs=1e-4)
    no = 1 - gamma * mu
    expected = {"PA": 0 * no, "NA": (1 - gamma) * mu / no, "PP": gamma * (1 - mu) / no, "NP": (1 - gamma) * (1 - mu) / no}
    for name, stratum in expected.items():
        assert found["strata"][name]["mean"] == pytest.approx(stratum.mean(), abs=1e-5)
        assert found["strata"][name]["high"] == pytest.approx(np.quantile(stratum, 0.95), abs=1e-4)


def test_an_action_leaves_one_stratum(run: Run) -> None:
    at = int(support.unlabelled()["action"].to_numpy().argmax())
    found = look(run, at)
    assert found["action"] == 1.0
    assert {name: stratum["mean"] for name, stratum in found["strata"].items()} == {"PA": 1.0, "NA": 0.0, "PP": 0.0, "NP": 0.0}


@pytest.mark.parametrize("rate", ["0.1", '{dist="Beta", concentration1=2, concentration0=30}'])
def test_with_false_actions_an_action_leaves_all_four(rate: str) -> None:
    run = fitted(f"action.false_rate={rate}", features=())
    at = int(support.unlabelled()["action"].to_numpy().argmax())
    found = look(run, at)
    strata = {name: stratum["mean"] for name, stratum in found["strata"].items()}
    assert all(mean > 0 for mean in strata.values())
    assert sum(strata.values()) == pytest.approx(1, abs=1e-5)
    assert strata["PA"] == max(strata.values())
    assert set(found["propensity_log_odds"]) == {"intercept", f"user {support.unlabelled()['user_id'][at]}"}
