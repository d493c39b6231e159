"""Bradley–Terry on files; what all models of pairs share is in test_pair_recipe.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from probrm.config import build_config
from probrm.data import Batch, PairSpec, read_pairs
from probrm.errors import ConfigError
from probrm.recipes.pairs.inputs import PairInputs
from probrm.runs import Run, find_recipe
from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
from tests import pair_support, support

RECIPE = BradleyTerryRecipe()


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with support.environment():
        yield


def fit(*sets: str, source: str | None = None, **data: Any) -> Run:
    config = build_config(RECIPE, flags={"data": data, "inference": {"name": "laplace"}}, sets=sets)
    return RECIPE.fit(source or pair_support.pairs_path(), config, embeddings=pair_support.store_path())


def recovered(run: Run) -> np.ndarray:
    """Posterior means of the weights, in units of the vectors."""
    return run.draws["reward_weights"].mean(0).numpy() / run.inputs.spread.numpy() / 6**0.5


@pytest.fixture(scope="module")
def point() -> Run:
    return fit("guide.name=delta", "inference.name=svi")


def test_it_is_registered_by_name() -> None:
    assert isinstance(find_recipe("bradley-terry"), BradleyTerryRecipe)
    assert RECIPE.check_model(RECIPE.model_settings()) == RECIPE.model_settings()
    with pytest.raises(ValidationError):
        RECIPE.check_model({"prios": {}})


def test_priors_that_cannot_be_those_of_weights() -> None:
    with pytest.raises(ConfigError, match=r"model\.priors\.weights: HalfNormal gives values on one side only"):
        RECIPE.check_model({"priors": {"weights": {"dist": "HalfNormal"}}})
    with pytest.raises(ConfigError, match=r"model\.priors\.log_tie: LogNormal gives values on one side only"):
        RECIPE.check_model({"priors": {"log_tie": {"dist": "LogNormal"}}})
    with pytest.raises(ConfigError, match=r"model\.priors\.weights\.scale"):
        RECIPE.check_model({"priors": {"weights": {"dist": "Normal", "scale": {"dist": "Normal"}}}})


@pytest.mark.parametrize("sets", [(), ("inference.name=svi", "inference.max_steps=200"), ("guide.name=delta", "inference.name=svi")])
def test_it_finds_what_the_pairs_were_made_of(sets: tuple[str, ...]) -> None:
    """Within 5 posterior standard deviations (0.12 with 300 pairs)."""
    np.testing.assert_allclose(recovered(fit(*sets)), pair_support.WEIGHTS, atol=0.6)


def test_the_deterministic_model_stands_beside_it_with_weights_that_are_known() -> None:
    run = fit()
    assert run.baseline is not None
    model, draws = run.baseline
    assert model.kind == "deterministic"
    assert float(draws["reward_weights"].std(0).max()) == 0
    assert set(draws) == {"reward_weights"}  # no scale to be learned
    np.testing.assert_allclose(draws["reward_weights"][0] / run.inputs.spread / 6**0.5, pair_support.WEIGHTS, atol=0.6)
    assert "the deterministic model: -0." in RECIPE.headline(run)[0]


def test_as_a_point_it_has_no_intervals_and_no_baseline(point: Run) -> None:
    assert point.baseline is None
    assert point.model.kind == "bradley-terry"
    assert point.model.spec()["config"]["priors"]["weights"] == {"dist": "Normal", "loc": 0.0, "scale": 10.0}
    assert float(point.draws["reward_weights"].std(0).max()) == 0
    table = RECIPE.score(point, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path())[0].to_pandas()
    np.testing.assert_allclose(table["p_chosen_low"], table["p_chosen_high"], atol=1e-6)
    found, _ = RECIPE.evaluate(point, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path(), bootstrap=0)
    assert found.metrics["accuracy"].value > 0.7
    assert found.baseline == {}


def test_a_point_is_that_of_the_best_look_at_held_out_pairs(point: Run) -> None:
    """It is trained until held-out pairs are predicted no better, not until the training pairs are predicted best."""
    found, looks = point.metrics["diagnostics"], point.history["records"]
    assert found["steps"] < looks[-1]["step"]
    taken = next(look for look in looks if look["step"] == found["steps"])
    assert taken["held_out"] >= max(look["held_out"] for look in looks) - 1e-4  # less is no improvement
    assert found["held_out_log_likelihood"] == pytest.approx(taken["held_out"], abs=1e-6)


def test_without_refit_a_point_has_not_seen_the_held_out_pairs() -> None:
    """The weights kept are those that the best look was taken of."""
    run = fit("guide.name=delta", "inference.name=svi", "inference.refit=false")
    held_out = pair_support.pair_frame().set_index("id").loc[run.split]
    sides = [torch.from_numpy(np.array([pair_support.vector(t) for t in held_out[side]])) for side in ("chosen", "rejected")]
    difference = (sides[0] - sides[1]) / run.inputs.spread @ run.draws["reward_weights"][0] / 6**0.5
    score = float(torch.nn.functional.logsigmoid(difference).mean())
    assert score == pytest.approx(run.metrics["diagnostics"]["held_out_log_likelihood"], abs=1e-5)


def test_a_point_takes_a_prior_with_a_number_for_its_scale_and_no_other() -> None:
    settings = ("guide.name=delta", "inference.name=svi", "model.priors.weights.dist=Normal")
    tight = fit(*settings, "model.priors.weights.scale=0.5")
    assert np.abs(recovered(tight)).max() < 1.3  # the truth is 2
    with pytest.raises(ConfigError, match=r"guide 'delta': the prior of the weights has a scale of its own"):
        fit("guide.name=delta", "inference.name=svi", "model.priors.weights.dist=Horseshoe")


def test_with_a_network_the_average_response_has_reward_zero_too() -> None:
    run = fit("model.head.name=mlp", "model.head.hidden=[8]", "inference.name=svi", "inference.max_steps=50", "held_out=0")
    batch = run.inputs.single(torch.from_numpy(np.array([pair_support.vector(t) for t in single()["response"]])))
    reward = run.model.reward(run.draws, batch)
    assert float(run.model.origin.abs().max()) > 0.01  # type: ignore[operator, union-attr]
    np.testing.assert_allclose(reward.mean(1).detach().numpy(), 0, atol=1e-4)


def single() -> Any:
    return pair_support.single_frame(pair_support.pair_frame())


def test_ties_are_modelled_where_they_are_kept(tmp_path: Path) -> None:
    """log ν = 0 in these pairs; its posterior standard deviation is about 0.13, so 0.65 are 5 of them."""
    path = tmp_path / "ties.parquet"
    pair_support.pair_frame(seed=2, ties=True).to_parquet(path)
    run = fit(source=str(path), ties="davidson")
    assert float(run.draws["log_tie"].mean()) == pytest.approx(0, abs=0.65)
    assert 0.05 < float(run.draws["log_tie"].std()) < 0.3
    assert run.baseline is not None
    assert "log_tie" in run.baseline[1]
    np.testing.assert_allclose(recovered(run), pair_support.WEIGHTS, atol=0.8)
    dropped = fit(source=str(path))
    assert set(dropped.draws) == {"reward_weights", "reward_weights_scale"}
    assert dropped.record["data"]["rows"] < run.record["data"]["rows"] == 300


@pytest.fixture
def repeated(tmp_path: Path) -> str:
    """40 prompts with 3 responses each, every two of them judged twice: 6 pairs a prompt, of which 2 are independent."""
    frame = pair_support.pair_frame(120)
    texts = frame["chosen"].to_numpy().reshape(-1, 3)
    frame["chosen"], frame["rejected"] = texts.ravel(), np.roll(texts, 1, axis=1).ravel()
    noise = np.random.default_rng(0).logistic(size=120)
    swap = frame["chosen"].map(pair_support.reward) + noise < frame["rejected"].map(pair_support.reward)
    frame.loc[swap, ["chosen", "rejected"]] = frame.loc[swap, ["rejected", "chosen"]].to_numpy()
    pd.concat([frame, frame.assign(id=frame["id"] + "'")]).to_parquet(tmp_path / "pairs.parquet")
    return str(tmp_path / "pairs.parquet")


def test_pairs_of_the_same_responses_count_as_what_they_can_tell_apart(repeated: str) -> None:
    """As if each pair had the weight 1/3: the same likelihood up to rounding."""
    whole, discounted = fit("model.repeats=independent", source=repeated), fit(source=repeated)
    pd.read_parquet(repeated).assign(weight=1 / 3).to_parquet(repeated)
    thirds = fit("model.repeats=independent", source=repeated)
    np.testing.assert_allclose(discounted.draws["reward_weights"], thirds.draws["reward_weights"], atol=2e-3)
    assert float(discounted.draws["reward_weights_scale"].mean()) < float(whole.draws["reward_weights_scale"].mean())
    assert discounted.metrics["identifiability"]["contrasts"] == 80
    assert "the 240 pairs count as the 80 comparisons among them that are independent" in discounted.record["notes"][-1]
    assert "intervals treat pairs as independent given the weights and are too narrow" in whole.record["notes"][-1]


def test_a_point_counts_pairs_whole_and_says_nothing_of_intervals(repeated: str) -> None:
    settings = ("guide.name=delta", "inference.name=svi", "inference.max_steps=25", "held_out=0")
    found = [fit(*settings, f"model.repeats={repeats}", source=repeated) for repeats in ("discount", "independent")]
    assert torch.equal(found[0].draws["reward_weights"], found[1].draws["reward_weights"])
    assert not any("pairs on average" in note for note in found[0].record["notes"])


def test_a_guide_over_rows_is_refused_before_anything_is_encoded() -> None:
    config = build_config(RECIPE, sets=["guide.name=amortised"])
    with pytest.raises(ConfigError, match="guide 'amortised': the model 'bradley-terry' has no latents in its rows"):
        RECIPE.fit(pair_support.pairs_path(), config, embeddings="no such store")


def test_the_same_seed_gives_the_same_bits() -> None:
    sets = ("inference.name=svi", "inference.max_steps=50")
    first, again, other = fit(*sets), fit(*sets), fit(*sets, "seed=1")
    assert torch.equal(first.draws["reward_weights"], again.draws["reward_weights"])
    assert first.baseline is not None
    assert again.baseline is not None
    assert torch.equal(first.baseline[1]["reward_weights"], again.baseline[1]["reward_weights"])
    assert not torch.equal(first.draws["reward_weights"], other.draws["reward_weights"])


def test_nuts_and_laplace_agree() -> None:
    """Means within half a posterior standard deviation, deviations within a quarter."""
    laplace, nuts = fit("held_out=0"), fit("held_out=0", "inference.name=nuts", "inference.warmup=100", "inference.draws=400")
    a, b = laplace.draws["reward_weights"], nuts.draws["reward_weights"]
    np.testing.assert_array_less((a.mean(0) - b.mean(0)).abs().numpy(), 0.5 * a.std(0).numpy())
    np.testing.assert_allclose(b.std(0).numpy(), a.std(0).numpy(), rtol=0.25)


def test_a_refit_is_the_same_model_on_other_rows() -> None:
    """On the run's own pairs, by the run's own inference, it is the run's own posterior; on half of them it is wider."""
    run = fit("held_out=0")
    pairs = read_pairs(pair_support.pairs_path(), PairSpec())
    vectors = [torch.from_numpy(np.array([pair_support.vector(c.response) for c in side])) for side in (pairs.chosen, pairs.rejected)]
    assert isinstance(run.inputs, PairInputs)
    batch = run.inputs.batch(pairs, *vectors)
    again = RECIPE.refit(run, batch, inference="laplace")
    a, b = run.draws["reward_weights"], again.draws["reward_weights"]
    np.testing.assert_array_less((a.mean(0) - b.mean(0)).abs().numpy(), 0.2 * a.std(0).numpy())
    half = RECIPE.refit(run, batch.subset(torch.arange(0, 300, 2)), inference="laplace").draws["reward_weights"]
    assert (half.std(0) > 1.15 * a.std(0)).all()
    assert again.model is not run.model


def test_a_point_has_no_refit(point: Run) -> None:
    with pytest.raises(NotImplementedError, match="one point of weights"):
        RECIPE.refit(point, Batch({}, 0))
