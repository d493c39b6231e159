"""The Bayesian linear head on files; what all models of pairs share is tested with Bradley–Terry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from probrm.config import build_config
from probrm.data import PairSpec
from probrm.errors import ConfigError
from probrm.recipes.loo_comparison import compare_loo
from probrm.runs import Run, find_recipe, load
from probrm_models.bayesian_linear.fit import linear_head
from probrm_models.bayesian_linear.recipe import BayesianLinearRecipe
from tests import pair_support, support

RECIPE = BayesianLinearRecipe()
OTHER = (pair_support.other_path, pair_support.store_path)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with support.environment():
        yield


def fit(*sets: str, source: str | None = None, **data: Any) -> Run:
    config = build_config(RECIPE, flags={"data": data}, sets=sets)
    return RECIPE.fit(source or pair_support.pairs_path(), config, embeddings=pair_support.store_path())


@pytest.fixture(scope="module")
def run() -> Run:
    return fit()


def test_it_is_registered_and_its_settings_come_back() -> None:
    assert isinstance(find_recipe("bayesian-linear"), BayesianLinearRecipe)
    assert RECIPE.check_model(RECIPE.model_settings()) == RECIPE.model_settings()
    for wrong in ({"hesian": "weighted"}, {"hessian": "diagonal"}, {"beta": 0}, {"l2": []}):
        with pytest.raises(ValidationError):
            RECIPE.check_model(wrong)


def test_it_finds_what_the_pairs_were_made_of(run: Run) -> None:
    """With the penalty that held-out pairs select; 0.6 are 5 standard deviations of the Laplace posterior."""
    found = run.draws["reward_weights"].mean(0).numpy() / run.inputs.spread.numpy() / 6**0.5
    np.testing.assert_allclose(found, pair_support.WEIGHTS, atol=0.6)
    tried = run.metrics["diagnostics"]["l2"]
    best = max(tried["scores"], key=lambda one: one["held_out"])
    assert tried["l2"] == best["l2"] == run.model.config.l2[0]
    assert run.metrics["diagnostics"]["held_out_log_likelihood"] == best["held_out"]
    assert len(run.draws["reward_weights"].unique(dim=0)) == 1000


def test_its_draws_are_those_of_the_closed_form_on_all_pairs(run: Run) -> None:
    """1000 draws: means within 5 standard errors."""
    rows = RECIPE.fitted_rows(run)
    head = linear_head(rows.batch, l2=run.model.config.l2[0])
    sd = np.sqrt(np.diag(np.linalg.inv(head.precision)))
    draws = run.draws["reward_weights"].double().numpy()
    np.testing.assert_array_less(np.abs(draws.mean(0) - head.weights), 5 * sd / 1000**0.5)
    np.testing.assert_allclose(draws.std(0) / sd, 1, atol=5 / 2000**0.5)


def test_beta_scales_the_intervals_and_nothing_else(run: Run) -> None:
    narrow = fit("model.beta=0.5", f"model.l2=[{run.model.config.l2[0]}]")
    centre = run.draws["reward_weights"].mean(0)
    scaled = centre + (run.draws["reward_weights"] - centre) * 0.5 / 1.645
    shift = narrow.draws["reward_weights"].mean(0) - scaled.mean(0)
    torch.testing.assert_close(narrow.draws["reward_weights"], scaled + shift, atol=1e-4, rtol=1e-4)


def test_the_laplace_approximation_is_wider_and_takes_part_in_leave_one_out(run: Run) -> None:
    laplace = fit("model.hessian=weighted", f"model.l2=[{run.model.config.l2[0]}]")
    ratio = laplace.draws["reward_weights"].std(0) / run.draws["reward_weights"].std(0)
    assert float(ratio.min()) > 1.8
    loo = compare_loo({"plain": run, "laplace": laplace})
    assert loo.runs["plain"].loo is None
    assert loo.runs["plain"].reason == "its Gaussian is no posterior of its likelihood; the one of --set model.hessian=weighted is"
    assert loo.runs["laplace"].loo is not None


def test_saved_scored_and_opened_again(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path / "r")
    again = load(str(tmp_path / "r"))
    scores = [RECIPE.score(one, OTHER[0](), PairSpec(), embeddings=OTHER[1]())[0] for one in (run, again)]
    assert scores[0].equals(scores[1])
    found, _ = RECIPE.evaluate(again, OTHER[0](), PairSpec(), embeddings=OTHER[1](), bootstrap=0)
    assert found.metrics["accuracy"].value > 0.7
    assert found.baseline == {}


def test_a_referee_can_be_asked(run: Run) -> None:
    """The posterior that λ stands for, by Laplace: about twice as wide as what RewardUQ's default says."""
    refitted = RECIPE.refit(run, RECIPE.fitted_rows(run).batch, inference="laplace", guide="full-rank")
    ratio = refitted.draws["reward_weights"].std(0) / run.draws["reward_weights"].std(0)
    assert float(ratio.min()) > 1.8
    torch.testing.assert_close(refitted.draws["reward_weights"].mean(0), run.draws["reward_weights"].mean(0), atol=0.3, rtol=0.1)


def test_what_it_has_no_use_for(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="l2: found 5 values and no held-out pairs"):
        fit("held_out=0")
    assert fit("held_out=0", "model.l2=[2.0]").metrics["diagnostics"]["held_out_log_likelihood"] is None
    noted = fit("inference.name=laplace")
    assert "guide, inference and starts are not used" in noted.record["notes"][-1]
    assert not any("not used" in note for note in run.record["notes"])
    path = tmp_path / "ties.parquet"
    pair_support.pair_frame(seed=2, ties=True).to_parquet(path)
    with pytest.raises(ConfigError, match=r"data\.ties: 'davidson', and the model 'bayesian-linear' knows no ties"):
        fit(source=str(path), ties="davidson")
