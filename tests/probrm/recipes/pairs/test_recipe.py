"""What all models of pairs share, shown on Bradley–Terry and on a small model that sees prompts too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import probrm
from probrm.config import build_config
from probrm.data import Batch, Conversation, Pairs, PairSpec
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted, History
from probrm.model import Values
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.recipes.pairs.shape import PairShape
from probrm.runs import Run
from probrm_models.bradley_terry.model import BradleyTerryModel
from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
from tests import pair_support, support

RECIPE = BradleyTerryRecipe()


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with support.environment():
        yield


class PromptModel(BradleyTerryModel):
    """Its reward is the first number of the response's vector times that of the prompt's, with noise of its own."""

    kind = "prompt"
    uses_prompts = True

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        product = batch["response"][:, 0] * batch["prompt"][:, 0]
        return product + 0.1 * torch.randn(len(values["reward_weights"]), len(batch))

    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        product = (batch["chosen"] - batch["rejected"])[:, 0] * batch["prompt"][:, 0]
        return product + 0.1 * torch.randn(len(values["reward_weights"]), len(batch))


class PromptRecipe(PairRecipe):
    """Fits nothing; keeps what it is given for the test to look at."""

    kind = "prompt"
    model_class: ClassVar[type[PairModel]] = PromptModel
    baseline_class: ClassVar[type[PairModel]] = BradleyTerryModel
    weights: ClassVar[dict[str, str]] = {"reward_weights": "Weights"}
    job: PairJob

    def check(self, config: Any, rows: Pairs) -> None:
        if len(rows) == 77:
            raise DataError("77 pairs", fix="give others")

    def fit_model(self, job: PairJob) -> Fitted:
        self.job = job
        model = PromptModel(PairShape(len(job.inputs.centre))).eval()
        draws = {"reward_weights": torch.zeros(200, len(job.inputs.centre))}
        return Fitted(model, None, draws, History(), [], -0.5, {"units": 3}, {"training": 0.1})

    def fit_baseline(self, job: PairJob) -> Fitted | None:
        return None

    def findings(self, job: PairJob, fitted: Fitted) -> dict[str, Any]:
        return {"identifiability": {"notes": ["look out"]}, "bound": {"value": 1.0}}

    def more_about(self, run: Run, pair: Batch) -> dict[str, Any]:
        return {"more": {"prompt": float(pair["prompt"][0, 0])}}


PROMPTS = PromptRecipe()


def fit(recipe: PairRecipe = RECIPE, *sets: str, source: str | None = None, **data: Any) -> Run:
    config = build_config(recipe, flags={"data": data, "inference": {"name": "laplace"}}, sets=sets)
    return recipe.fit(source or pair_support.pairs_path(), config, embeddings=pair_support.store_path())


@pytest.fixture(scope="module")
def run() -> Run:
    return probrm.load(pair_support.run_path())


@pytest.fixture(scope="module")
def prompt_run() -> Run:
    return fit(PROMPTS)


def score(run: Run, path: str, recipe: PairRecipe = RECIPE, spec: PairSpec | None = None) -> tuple[Any, list[str]]:
    table, notes = recipe.score(run, path, spec or PairSpec(), embeddings=pair_support.store_path())
    return table.to_pandas(), notes


@pytest.fixture
def save(tmp_path: Path) -> Any:
    def write(frame: Any) -> str:
        frame.to_parquet(tmp_path / "file.parquet")
        return str(tmp_path / "file.parquet")

    return write


def vectors(texts: Any) -> np.ndarray:
    return np.array([pair_support.vector(text) for text in texts])


# ---- fit


def test_held_out_pairs_share_no_prompt_with_the_rest(run: Run) -> None:
    frame = pair_support.pair_frame().set_index("id")
    held_out = frame.loc[run.split]
    assert len(held_out) == run.metrics["diagnostics"]["held_out_rows"] == 30
    assert not set(held_out["prompt"]) & set(frame.drop(index=run.split)["prompt"])


def test_without_held_out_pairs_all_are_trained_on() -> None:
    run = fit(PROMPTS, "held_out=0.0")
    assert PROMPTS.job.held_out is None
    assert len(PROMPTS.job.train) == len(PROMPTS.job.data) == 300
    assert run.split == []
    assert PROMPTS.headline(run) == []


def test_what_a_run_remembers(run: Run) -> None:
    assert run.record["data"]["rows"] == 300
    assert run.record["data"]["source"] == pair_support.pairs_path()
    assert "read as pairs: prompt, chosen, rejected" in run.record["notes"]
    assert run.metrics["identifiability"] == {
        "pairs": 300,
        "prompts": 100,
        "responses": 600,
        "pairs_a_response": 1.0,
        "contrasts": 300,
        "notes": [],
    }
    assert run.metrics["diagnostics"]["baseline_held_out_log_likelihood"] is not None


def test_what_a_model_finds_goes_into_the_metrics_and_its_notes_into_the_record(prompt_run: Run) -> None:
    assert prompt_run.metrics["identifiability"]["notes"] == ["look out"]
    assert prompt_run.metrics["identifiability"]["pairs"] == 300
    assert prompt_run.metrics["bound"] == {"value": 1.0}
    assert prompt_run.metrics["diagnostics"]["units"] == 3
    assert "look out" in prompt_run.record["notes"]
    assert prompt_run.baseline is None
    assert PROMPTS.headline(prompt_run) == ["log-likelihood of 30 held-out pairs, nats a pair: -0.5000; chance: -0.6931"]


def test_a_model_refuses_pairs_before_they_are_encoded(save: Any) -> None:
    config = build_config(PROMPTS)
    with pytest.raises(DataError, match="77 pairs"):
        PROMPTS.fit(save(pair_support.pair_frame(77)), config, embeddings="no such store")


def test_a_guide_that_is_not_used_is_told() -> None:
    assert "inference laplace has no guide to choose: guide low-rank is not used" in fit(PROMPTS, "guide.name=low-rank").record["notes"]


def test_a_fit_that_is_worse_than_chance_says_so() -> None:
    """Weights whose prior keeps them far from the truth."""
    assert not any("chance" in note for note in fit(PROMPTS).record["notes"])
    run = fit(RECIPE, "model.priors.weights.loc=9", "model.priors.weights.scale=0.1")
    assert any("held-out pairs are predicted worse than chance" in note for note in run.record["notes"])


def test_margins_are_not_used_and_that_is_told(save: Any) -> None:
    frame = pair_support.pair_frame()
    run = fit(PROMPTS, source=save(frame.assign(margin=1.0)))
    assert any("margin" in note and note.startswith("not used") for note in run.record["notes"])


def test_a_model_that_sees_prompts_gets_their_vectors(prompt_run: Run) -> None:
    prompts = pair_support.pair_frame()["prompt"]
    distinct = vectors(prompts.unique())
    expected = (vectors(prompts) - distinct.mean(0)) / distinct.std(0)
    np.testing.assert_allclose(PROMPTS.job.data["prompt"].numpy(), expected, atol=1e-5)


# ---- score


def test_pairs_get_probabilities_in_their_order(run: Run) -> None:
    frame, notes = score(run, pair_support.other_path())
    given = pair_support.pair_frame(150, seed=1)
    assert list(frame.columns) == ["id", "prompt", "chosen", "rejected", "subset", "p_chosen", "p_chosen_low", "p_chosen_high"]
    assert frame["chosen"].tolist() == given["chosen"].tolist()
    draws = run.draws["reward_weights"].double().numpy()
    d = ((vectors(given["chosen"]) - vectors(given["rejected"])) / run.inputs.spread.numpy()) @ draws.T / 6**0.5
    np.testing.assert_allclose(frame["p_chosen"], (1 / (1 + np.exp(-d))).mean(1), atol=1e-5)
    np.testing.assert_allclose(frame["p_chosen_low"], 1 / (1 + np.exp(-np.quantile(d, 0.05, axis=1))), atol=1e-4)
    assert not any("subset" in note for note in notes)


def test_pairs_that_cannot_be_used_stay_without_scores(run: Run, save: Any) -> None:
    frame = pair_support.pair_frame(60)
    frame.loc[3, "chosen"] = None
    frame.loc[5, "rejected"] = frame.loc[5, "chosen"]
    found, notes = score(run, save(frame))
    assert np.flatnonzero(found["p_chosen"].isna()).tolist() == [3, 5]
    assert len(found) == 60
    assert sum("dropped" in note for note in notes) == 2


def test_ties_and_bad_weights_of_a_scored_file_do_not_matter(run: Run, save: Any) -> None:
    frame = pair_support.pair_frame(30)
    plain, _ = score(run, save(frame))
    found, notes = score(run, save(frame.assign(tie=1, weight=-1.0, subset=2.5, margin="x", user_id=None)))
    assert found["p_chosen"].equals(plain["p_chosen"])
    assert notes == ["read as pairs: prompt, chosen, rejected", "preferred: `chosen` over `rejected`"]


def test_single_responses_get_rewards(run: Run, save: Any) -> None:
    frame = pair_support.single_frame(pair_support.pair_frame(30))
    frame.loc[2, "response"] = ""
    found, notes = score(run, save(frame))
    assert list(found.columns[-5:]) == ["reward", "reward_sd", "reward_low", "reward_high", "probability"]
    assert np.flatnonzero(found["reward"].isna()).tolist() == [2]
    kept = frame["response"].str.len() > 0
    x = (vectors(frame["response"][kept]) - run.inputs.centre.numpy()) / run.inputs.spread.numpy()
    reward = x @ run.draws["reward_weights"].double().numpy().T / 6**0.5
    np.testing.assert_allclose(found["reward"][kept], reward.mean(1), atol=1e-5)
    np.testing.assert_allclose(found["reward_sd"][kept], reward.std(1, ddof=1), atol=1e-5)
    np.testing.assert_allclose(found["probability"][kept], (1 / (1 + np.exp(-reward))).mean(1), atol=1e-5)
    assert any("dropped: 1 of 60" in note for note in notes)


def test_the_average_fitted_response_has_reward_zero(run: Run, save: Any) -> None:
    found, _ = score(run, save(pair_support.single_frame(pair_support.pair_frame())))
    assert float(found["reward"].mean()) == pytest.approx(0, abs=1e-5)
    assert float(found["reward"].std()) > 1


def test_columns_named_for_the_fitted_file_do_not_make_pairs_of_single_rows(run: Run, save: Any) -> None:
    frame = pair_support.single_frame(pair_support.pair_frame(30)).rename(columns={"prompt": "question", "response": "text"})
    spec = PairSpec(columns={"prompt": "question", "chosen": "better", "rejected": "worse", "response": "text", "weight": "w"})
    found, _ = score(run, save(frame), spec=spec)
    assert found["reward"].notna().all()
    pairs = pair_support.pair_frame(30).rename(columns={"prompt": "question", "chosen": "better", "rejected": "worse"})
    found, _ = score(run, save(pairs), spec=replace(spec, attributes=("clear",)))
    assert found["p_chosen"].notna().all()


def test_a_row_of_several_pairs_has_no_one_probability(run: Run, save: Any) -> None:
    texts = pair_support.single_frame(pair_support.pair_frame(3))
    completions = [{"response": text, "overall_score": float(i)} for i, text in enumerate(texts["response"])]
    path = save(pd.DataFrame({"instruction": [texts["prompt"][0]], "completions": [completions]}))
    with pytest.raises(DataError, match=r"15 pairs in 1 of its rows; allowed: one pair a row"):
        score(run, path)


@pytest.mark.parametrize("single", [True, False])
def test_a_model_that_draws_and_sees_prompts_scores_twice_the_same(single: bool, prompt_run: Run, save: Any) -> None:
    frame = pair_support.pair_frame(30)
    path = save(pair_support.single_frame(frame) if single else frame)
    column = "reward" if single else "p_chosen"
    first, second = (score(prompt_run, path, PROMPTS)[0] for _ in range(2))
    assert first.equals(second)
    inputs = prompt_run.inputs
    given = pair_support.single_frame(frame) if single else frame
    prompt = (vectors(given["prompt"]) - inputs.prompt_centre.numpy()) / inputs.prompt_spread.numpy()
    h = (vectors(given["response"]) - inputs.centre.numpy()) if single else vectors(given["chosen"]) - vectors(given["rejected"])
    expected = (h / inputs.spread.numpy())[:, 0] * prompt[:, 0]
    close = first[column] if single else np.log(first[column] / (1 - first[column]))
    np.testing.assert_allclose(close, expected, atol=0.05)


# ---- evaluate, reward, inspect, figures


def test_evaluation_is_of_what_score_writes(run: Run) -> None:
    found, _ = RECIPE.evaluate(run, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path(), bootstrap=50)
    p = score(run, pair_support.other_path())[0]["p_chosen"].to_numpy()
    assert found.rows == 150
    assert found.metrics["accuracy"].value == pytest.approx((p > 0.5).mean())
    assert found.metrics["nll"].value == pytest.approx(-np.log(p).mean(), abs=1e-6)
    assert found.metrics["accuracy:easy"].value == pytest.approx((p[:60] > 0.5).mean())
    assert found.metrics["pair_accuracy"].value == found.metrics["accuracy"].value
    assert set(found.baseline) >= {"accuracy", "nll"}
    assert found.metrics["accuracy"].low < found.metrics["accuracy"].high


def test_weights_and_ties_of_an_evaluated_file_count(run: Run, save: Any) -> None:
    frame = pair_support.pair_frame(60, seed=1).assign(weight=[1.0, 3.0] * 30, tie=[1] * 10 + [0] * 50)
    path = save(frame)
    spec = PairSpec(ties="davidson")
    found, notes = RECIPE.evaluate(run, path, spec, embeddings=pair_support.store_path(), bootstrap=0)
    p = score(run, path)[0]["p_chosen"].to_numpy()[10:]
    assert found.rows == 50
    assert found.metrics["nll"].value == pytest.approx(-np.average(np.log(p), weights=frame["weight"][10:]), abs=1e-6)
    assert any("10 of 60 pairs are ties" in note for note in [*notes, *found.notes])


def test_pairs_of_the_fit_are_no_evidence(run: Run) -> None:
    for path, expected in ((pair_support.pairs_path(), True), (pair_support.other_path(), False)):
        _, notes = RECIPE.evaluate(run, path, PairSpec(), embeddings=pair_support.store_path(), bootstrap=0)
        assert any("took part in the fit" in note for note in notes) == expected


def test_rewards_in_code_are_those_of_the_file(run: Run, prompt_run: Run, save: Any) -> None:
    frame = pair_support.single_frame(pair_support.pair_frame(30))
    conversations = [Conversation(p, r) for p, r in zip(frame["prompt"], frame["response"], strict=True)]
    for recipe, fitted in ((RECIPE, run), (PROMPTS, prompt_run)):
        found = recipe.reward(fitted, conversations, embeddings=pair_support.store_path())
        np.testing.assert_array_equal(found.reward, score(fitted, save(frame), recipe)[0]["reward"])


def test_one_pair_in_full(run: Run) -> None:
    found = RECIPE.inspect(run, "r7")
    assert json.loads(json.dumps(found)) == found
    row = pair_support.pair_frame().iloc[7]
    assert (found["row"], found["prompt"], found["chosen"], found["rejected"]) == ("r7", row["prompt"], row["chosen"], row["rejected"])
    scored = score(run, pair_support.pairs_path())[0].iloc[7]
    assert found["p_chosen"]["mean"] == pytest.approx(scored["p_chosen"], abs=1e-6)
    assert found["p_chosen"]["low"] == pytest.approx(scored["p_chosen_low"], abs=1e-6)
    x = (pair_support.vector(row["chosen"]) - run.inputs.centre.numpy()) / run.inputs.spread.numpy()
    reward = run.draws["reward_weights"].numpy() @ x / 6**0.5
    assert found["reward"]["chosen"]["mean"] == pytest.approx(reward.mean(), abs=1e-4)
    assert found["reward"]["chosen"]["high"] == pytest.approx(np.quantile(reward, 0.95), abs=1e-4)
    with pytest.raises(ConfigError, match=r"--row nine: the fitted pairs have no such row; ids look like r0, r1, r2"):
        RECIPE.inspect(run, "nine")


def test_a_model_tells_more_of_a_pair(prompt_run: Run) -> None:
    prompt = PROMPTS.inspect(prompt_run, "r7")["more"]["prompt"]
    x = pair_support.vector(pair_support.pair_frame().iloc[7]["prompt"])
    assert prompt == pytest.approx(float((x[0] - prompt_run.inputs.prompt_centre[0]) / prompt_run.inputs.prompt_spread[0]), abs=1e-5)


def test_attribute_scores_of_a_pair(save: Any) -> None:
    frame = pair_support.pair_frame(60)
    score_of = np.arange(60.0) % 5
    path = save(frame.assign(chosen_clear=score_of, rejected_clear=np.where(np.arange(60) == 3, np.nan, 1 + score_of)))
    run = fit(PROMPTS, source=path)
    assert run.inputs.attributes == ("clear",)
    found = PROMPTS.inspect(run, "r3")
    assert found["scores_of_chosen"] == {"clear": 3.0}
    assert found["scores_of_rejected"] == {"clear": None}


def test_a_file_that_has_changed_since_the_fit(save: Any) -> None:
    path = save(pair_support.pair_frame(60))
    run = fit(PROMPTS, source=path)
    save(pair_support.pair_frame(61))
    with pytest.raises(DataError, match="the file has changed or moved since the fit"):
        PROMPTS.inspect(run, "r3")


def test_saved_and_loaded_it_scores_alike(run: Run, tmp_path: Path) -> None:
    fresh = fit(
        RECIPE, "inference.refit=false", "model.head.name=mlp", "model.head.hidden=[8]", "inference.name=svi", "inference.max_steps=50"
    )
    fresh.save(tmp_path / "run")
    loaded = probrm.load(tmp_path / "run")
    before, after = (score(each, pair_support.other_path())[0] for each in (fresh, loaded))
    assert before.equals(after)
    single = [Conversation("Question 0.0?", pair_support.pair_frame()["chosen"][0])]
    rewards = [RECIPE.reward(each, single, embeddings=pair_support.store_path()).reward for each in (fresh, loaded)]
    assert rewards[0] == rewards[1]


def test_figures(run: Run, prompt_run: Run) -> None:
    always = {"reward_weights", "quantities", "directions", "importance_ratios"}
    assert set(RECIPE.figures(run)) == always  # Laplace has no training
    assert set(PROMPTS.figures(fit(RECIPE, "inference.name=svi", "inference.max_steps=50"))) == always | {"training"}
