"""The recipe in code; what it does behind the command line is in tests/probrm_cli."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

import probrm
from probrm.config import build_config
from probrm.data import Conversation, LogSpec
from probrm.errors import ConfigError, DataError
from probrm.posterior import predict_rewards
from probrm.runs import Run, find_recipe
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.recipe import ImplicitRecipe
from tests import support

RECIPE = ImplicitRecipe()


@pytest.fixture(autouse=True)
def _cache() -> Iterator[None]:
    with support.environment():
        yield


def fit(*sets: str, source: str | None = None, **data: Any) -> Run:
    config = build_config(RECIPE, flags={"data": data, "inference": {"name": "laplace"}, "starts": 1}, sets=sets)
    return RECIPE.fit(source or support.log_path(), config, embeddings=support.store_path())


@pytest.fixture(scope="module")
def run() -> Run:
    """On the store's short vectors, with covariates in both heads."""
    return fit(propensity_features=["surface", "hour"], reward_features=["hour"])


def score(run: Run, path: str, **options: Any) -> tuple[Any, list[str]]:
    table, notes = RECIPE.score(run, path, LogSpec.from_dict(run.config["data"]), embeddings=support.store_path(), **options)
    return table.to_pandas(), notes


def test_it_is_registered_by_name() -> None:
    assert isinstance(find_recipe("implicit"), ImplicitRecipe)
    assert RECIPE.check_model(RECIPE.model_settings()) == RECIPE.model_settings()
    with pytest.raises(ValidationError):
        RECIPE.check_model({"prios": {}})


def test_the_same_seed_gives_the_same_bits(run: Run) -> None:
    again = fit(propensity_features=["surface", "hour"], reward_features=["hour"])
    assert all(torch.equal(run.draws[name], again.draws[name]) for name in run.draws)
    other = fit("seed=1", propensity_features=["surface", "hour"], reward_features=["hour"])
    assert not torch.equal(run.draws["base_rate"], other.draws["base_rate"])


def test_it_finds_what_the_log_was_made_of(run: Run) -> None:
    table = run.summary()
    model: Any = run.model
    assert model.shape.propensity_effects == ("surface[web]", "hour")
    assert table["propensity_effects"].high[0] < 0
    assert table["propensity_effects"].low[1] < 0 < table["propensity_effects"].high[1]
    assert table["reward_weights"].low[0] > 0  # the column that tells right from wrong
    assert all(low < 0 < high for low, high in zip(table["reward_weights"].low[1:], table["reward_weights"].high[1:], strict=True))


def test_the_naive_model_stands_beside_it(run: Run) -> None:
    assert run.baseline
    model, draws = run.baseline
    assert model.kind == "naive"
    assert len(draws["base_rate"]) == 1000
    assert run.metrics["diagnostics"]["naive_held_out_log_likelihood"] is not None


def test_held_out_rows_share_no_prompt_and_no_user_with_the_rest(run: Run) -> None:
    frame = support.unlabelled().set_index("id")
    held_out = frame.loc[run.split]
    assert 0 < len(held_out) < 150
    prompts, users = set(held_out["prompt"]), set(held_out["user_id"])
    # Rows of an answer that is shown several times go with their prompt alone.
    rest = frame[~frame.duplicated(["prompt", "response"], keep=False) & ~frame.index.isin(run.split)]
    whole_prompts = [p for p in prompts if p not in set(frame.drop(index=run.split)["prompt"])]
    whole_users = [u for u in users if u not in set(rest["user_id"])]
    assert held_out["prompt"].isin(whole_prompts).to_numpy().__or__(held_out["user_id"].isin(whole_users).to_numpy()).all()


def test_scores_are_summaries_of_the_draws(run: Run) -> None:
    frame, notes = score(run, support.truth_path())
    assert notes == []
    given = support.log_frame(200, seed=1)
    hour = (given["hour"] - support.unlabelled()["hour"].mean()) / support.unlabelled()["hour"].std(ddof=0)
    vectors = run.inputs.scaled(
        probrm.encoders.read_store(support.store_path()).encode(
            [Conversation(p, r) for p, r in zip(given["prompt"], given["response"], strict=True)]
        )
    )
    draws = {name: value.double() for name, value in run.draws.items()}
    intercept = cast(ImplicitModel, run.model).reward_intercept(draws)  # its own test is that of mean_rate_intercept
    reward = intercept[:, None] + draws["reward_weights"] @ vectors.double().T / 6**0.5
    reward = (reward + draws["reward_effects"] @ torch.tensor(hour.to_numpy()[None])).numpy()
    np.testing.assert_allclose(frame["reward"], reward.mean(0), atol=1e-4)
    np.testing.assert_allclose(frame["reward_sd"], reward.std(0, ddof=1), atol=1e-4)
    np.testing.assert_allclose(frame["reward_low"], np.quantile(reward, 0.05, axis=0), atol=1e-4)
    np.testing.assert_allclose(frame["probability"], (1 / (1 + np.exp(-reward))).mean(0), atol=1e-5)


def test_covariates_of_the_reward_are_needed_for_scoring_and_those_of_the_propensity_are_not(run: Run, tmp_path: Path) -> None:
    frame = support.log_frame(60)
    frame[["prompt", "response", "hour"]].to_parquet(tmp_path / "t.parquet")
    assert score(run, str(tmp_path / "t.parquet"))[0]["reward"].notna().all()
    frame[["prompt", "response", "surface"]].to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'hour'"):
        score(run, str(tmp_path / "t.parquet"))


def test_actions_and_users_of_a_scored_file_do_not_matter(run: Run, tmp_path: Path) -> None:
    frame = support.log_frame(60)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.assign(action="yes", user_id="nobody", id="x", label="good", weight=-1.0).to_parquet(tmp_path / "b.parquet")
    (first, _), (second, notes) = score(run, str(tmp_path / "a.parquet")), score(run, str(tmp_path / "b.parquet"))
    pd.testing.assert_series_equal(first["reward"], second["reward"])
    assert notes == []


def test_levels_of_the_reward_that_the_fit_has_not_seen_are_told(tmp_path: Path) -> None:
    run = fit(reward_features=["surface"])
    support.log_frame(60).assign(surface="tv").to_parquet(tmp_path / "t.parquet")
    assert "surface: 60 rows have a level that the fit has not seen" in score(run, str(tmp_path / "t.parquet"))[1][0]


def test_rewards_in_code_need_texts_alone(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"the run's reward has covariates \(hour\).*\n.*probrm score"):
        run.reward("a", "b")


def test_evaluation_holds_both_models_against_the_labels(run: Run) -> None:
    spec = LogSpec.from_dict(run.config["data"])
    found, _ = RECIPE.evaluate(run, support.truth_path(), spec, embeddings=support.store_path(), bootstrap=50)
    frame, _ = score(run, support.truth_path())
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    label = support.log_frame(200, seed=1)["label"]
    assert found.metrics["auroc"].value == pytest.approx(roc_auc_score(label, frame["reward"]), abs=1e-6)
    assert found.metrics["nll"].value == pytest.approx(log_loss(label, frame["probability"].astype(float)), abs=1e-6)
    assert found.metrics["brier"].value == pytest.approx(brier_score_loss(label, frame["probability"]), abs=1e-6)
    assert found.baseline["nll"].value > found.metrics["nll"].value  # idle users are no verdict
    assert "coverage" in found.metrics


def test_a_row_in_full(run: Run) -> None:
    found = RECIPE.inspect(run, "r3")
    assert json.loads(json.dumps(found)) == found
    assert found["row"] == "r3"


def test_rows_without_ids_are_named_by_position(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    support.unlabelled().drop(columns="id").to_parquet(path)
    run = fit(source=str(path))
    assert RECIPE.inspect(run, "7")["response"] == support.unlabelled()["response"][7]
    with pytest.raises(ConfigError, match=r"--row r7: .*ids look like 0, 1, 2"):
        RECIPE.inspect(run, "r7")


def test_restore_gives_a_model_that_scores_alike(run: Run) -> None:
    spec = json.loads(json.dumps({"model": run.model.spec(), "inputs": run.inputs.to_dict(), "baseline": run.baseline[0].spec()}))  # type: ignore[index]
    model, inputs, baseline = RECIPE.restore(spec, run.inputs.tensors())
    assert baseline
    model.load_state_dict(run.model.state_dict())
    from probrm.data import Batch

    batch = Batch({"embedding": torch.randn(5, 6), "reward_covariates": torch.randn(5, 1)}, 5)
    np.testing.assert_array_equal(predict_rewards(model, run.draws, batch).reward, predict_rewards(run.model, run.draws, batch).reward)
    assert inputs.shape == run.inputs.shape
    assert RECIPE.restore(spec | {"baseline": None}, run.inputs.tensors())[2] is None
