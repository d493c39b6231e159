"""The variational reward model on files; what all models of pairs share is in test_pair_recipe.py."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import probrm
from probrm.config import build_config
from probrm.data import PairSpec
from probrm.errors import ConfigError, DataError
from probrm.priors import Normal
from probrm.runs import Run, find_recipe
from probrm_models.vrm.config import VRMConfig, VRMPriors
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.recipe import VRMRecipe, begins_trained
from probrm_models.vrm.selection import Selection
from probrm_models.vrm.supervision import supervision_loss, targets
from tests import pair_support, support, vrm_rows

RECIPE = VRMRecipe()
# Their prompts do not ask for different things: the rule would use one objective.
QUICK = ("model.selection=objectives", "inference.max_steps=20", "inference.eval_every=10", "inference.draws=200", "inference.refit=false")


@pytest.fixture(autouse=True, scope="module")
def _environment() -> Iterator[None]:
    with support.environment(), vrm_rows.few_steps():
        yield


def frame(m: int = 120, *, ties: bool = False) -> Any:
    """Pairs with scores of two attributes on both sides, some of them missing."""
    found = pair_support.pair_frame(m, seed=2 if ties else 0, ties=ties)
    for k, name in enumerate(("helpful", "brief")):
        for side in ("chosen", "rejected"):
            scores = np.array([pair_support.vector(text)[k] for text in found[side]])
            scores[k::10] = np.nan
            found[f"{side}_{name}"] = scores
    return found


@functools.cache
def scored_path() -> str:
    path = Path(pair_support.pairs_path()).with_name("scored.parquet")
    frame().to_parquet(path)
    return str(path)


@functools.cache
def plain_path() -> str:
    path = Path(pair_support.pairs_path()).with_name("plain.parquet")
    pair_support.pair_frame(120).to_parquet(path)
    return str(path)


def fit(*sets: str, source: str | None = None, **data: Any) -> Run:
    config = build_config(RECIPE, flags={"data": data}, sets=(*QUICK, *sets))
    return RECIPE.fit(source or scored_path(), config, embeddings=pair_support.store_path())


@pytest.fixture(scope="module")
def scored() -> Run:
    return fit("inference.max_steps=60", "inference.refit=true", "model.certificate=true")


@pytest.fixture(scope="module")
def quick() -> Run:
    """The default settings, for a few steps."""
    return fit()


def test_it_is_registered_by_name() -> None:
    assert isinstance(find_recipe("vrm"), VRMRecipe)
    assert RECIPE.check_model(RECIPE.model_settings()) == RECIPE.model_settings()
    with pytest.raises(ValidationError):
        RECIPE.check_model({"prios": {}})


@pytest.mark.parametrize("slot", ["shared", "contrasts", "decoder", "log_tie"])
def test_priors_that_cannot_be_those_of_weights(slot: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.priors\.{slot}: HalfNormal gives values on one side only"):
        RECIPE.check_model({"priors": {slot: {"dist": "HalfNormal"}}})


def test_priors_of_scales_are_positive() -> None:
    with pytest.raises(ConfigError, match=r"model\.priors\.residual: Normal can give values outside positive numbers"):
        RECIPE.check_model({"priors": {"residual": {"dist": "Normal"}}})
    with pytest.raises(ConfigError, match=r"model\.priors\.shared\.scale"):
        RECIPE.check_model({"priors": {"shared": {"dist": "Normal", "scale": {"dist": "Normal"}}}})


def test_objectives_are_the_attributes_and_the_posterior_is_better_than_a_coin(scored: Run) -> None:
    assert isinstance(scored.model, VRMModel)
    assert scored.model.shape.objectives == ("helpful", "brief")
    assert scored.model.shape.attributes == 2
    assert scored.metrics["diagnostics"]["held_out_log_likelihood"] > -0.6
    assert set(scored.draws) == {"shared", "contrasts", "gate", "residual"}  # scales come from the folds
    assert scored.baseline is not None
    assert scored.baseline[0].kind == "deterministic"


def test_what_is_told_of_the_latents_and_of_the_bound(scored: Run) -> None:
    found = scored.metrics["diagnostics"]
    assert set(found["usefulness"]) == {"full", "weights_shuffled", "weights_average", "features_mean"}
    latents = found["latents"]
    assert set(latents["weights_mean"]) == {"helpful", "brief"}
    assert len(latents["kl"]["features"]) == 2
    assert latents["kl_total"] == pytest.approx(120 * (latents["kl"]["weights"][0] + 2 * sum(latents["kl"]["features"])), rel=0.3)
    paper = scored.metrics["pac_bayes"]["paper"]
    assert paper["kl"] == latents["kl_total"]
    assert paper["n"] == 120
    assert paper["bound"] == pytest.approx(paper["empirical"] + math.sqrt((paper["kl"] + math.log(120 / 0.05)) / 238))
    assert scored.metrics["pac_bayes"]["global"]["kind"] == "global"
    lines = RECIPE.headline(scored)
    assert "objective weights across prompts, mean ± sd: helpful 0." in lines[1]
    assert lines[2].startswith("latents in use: weights ")
    assert "with other prompts' weights" in lines[3]


def test_without_refit_the_latents_are_those_of_the_training_pairs() -> None:
    run = fit("model.certificate=true")
    assert run.metrics["pac_bayes"]["paper"]["n"] == 120 - len(run.split) < 120


def test_bounds_are_worked_out_where_they_are_asked_for(quick: Run) -> None:
    assert "pac_bayes" not in quick.metrics


def test_a_collapse_is_told() -> None:
    run = fit("inference.max_steps=1", "model.weights.hidden=[4]", source=plain_path())  # a network with a layer starts at the prior
    assert run.metrics["diagnostics"]["latents"]["active"]["weights"] == 0
    assert any("the objective weights have collapsed onto their prior" in note for note in run.record["notes"])


def test_without_attributes_there_are_as_many_objectives_as_predict_best() -> None:
    run = fit(source=plain_path())
    chosen = run.metrics["diagnostics"]["selection"]
    assert chosen["objectives"] in (2, 4)
    assert run.model.shape.objectives == tuple(f"objective_{i}" for i in range(1, chosen["objectives"] + 1))  # type: ignore[union-attr]


def test_pairs_whose_prompts_ask_for_the_same_get_one_objective() -> None:
    run = fit("model.selection=auto", source=plain_path())
    assert run.model.shape.objectives == ("reward",)  # type: ignore[union-attr]
    assert any("one objective; this run predicts as Bradley–Terry" in note for note in run.record["notes"])
    assert set(run.draws) == {"shared", "residual"}


def test_more_objectives_than_attributes() -> None:
    run = fit("model.objectives=3")
    assert run.model.shape.objectives == ("helpful", "brief", "objective_3")  # type: ignore[union-attr]


def test_one_attribute_alone_is_bradley_terry_with_effects_of_responses() -> None:
    run = fit(attributes=["brief"])
    assert run.model.shape.objectives == ("brief",)  # type: ignore[union-attr]
    assert "contrasts" not in run.draws
    assert run.metrics["diagnostics"]["latents"]["weights_mean"] == {"brief": pytest.approx(1.0)}


def test_more_attributes_than_objectives_are_refused_before_anything_is_encoded() -> None:
    config = build_config(RECIPE, sets=["model.objectives=1"])
    with pytest.raises(ConfigError, match=r"model\.objectives is 1, but .* has 2 attributes \(helpful, brief\)"):
        RECIPE.fit(scored_path(), config, embeddings="no such store")


@pytest.mark.parametrize("name", ["laplace", "nuts"])
def test_a_network_decoder_is_fitted_by_svi_alone(name: str) -> None:
    config = build_config(RECIPE, sets=[f"inference.name={name}", "model.decoder.name=mlp", "model.features.prior=standard"])
    with pytest.raises(ConfigError, match=f"inference '{name}' with model.decoder.name = .mlp.: .*; allowed: svi"):
        RECIPE.fit(scored_path(), config, embeddings="no such store")


@pytest.mark.parametrize(
    "sets",
    [
        ("model.features.prior=standard", "model.divergence.per=pair"),
        ("model.features.prior=standard", "model.decoder.name=mlp", "model.decoder.hidden=[8]"),
        ("model.weights.family=logistic-normal", "model.weights.hidden=[4]"),
        ("model.divergence.warmup=10", "model.divergence.free_bits=0.05", "model.divergence.weight=0.5"),
        ("guide.name=low-rank", "starts=2"),
        ("guide.name=full-rank",),
        ("guide.name=delta",),
        ("guide.name=amortised", "guide.globals=low-rank"),
        ("held_out=0",),
        ("model.priors.contrasts.dist=StudentT", "model.priors.shared.dist=Laplace"),
        ("model.priors.contrasts.dist=Horseshoe", "model.priors.residual.dist=LogNormal"),
        ("inference.batch_size=32",),
    ],
    ids=" ".join,
)
def test_each_part_can_be_swapped_and_comes_back_from_disk(sets: tuple[str, ...], tmp_path: Path) -> None:
    """A saved run gives the same scores to the bit."""
    run = fit(*sets)
    path = tmp_path / "run"
    run.save(path)
    tables = [
        RECIPE.score(each, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path())[0].to_pandas()
        for each in (run, probrm.load(path))
    ]
    assert tables[0]["p_chosen"].between(0, 1).all()
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("loss", ["kl", "mse", "rank"])
def test_supervision_moves_the_weights_towards_the_scores(loss: str) -> None:
    """By the loss itself, over the fitted pairs."""
    found = {}
    for lambda_ in (0.0, 30.0):
        sets = (f"model.supervision.loss={loss}", f"model.supervision.weight={lambda_}", "inference.network_learning_rate=0.05")
        run = fit(*sets, "inference.max_steps=40", "held_out=0")
        rows = RECIPE.fitted_rows(run).batch
        assert isinstance(run.model, VRMModel)
        with torch.no_grad():
            found[lambda_] = float(supervision_loss(run.model.weights.mean(rows["prompt"]), targets(rows["scores"]), loss).mean())
    assert found[30.0] < 0.9 * found[0.0]


def test_none_is_lambda_zero(quick: Run) -> None:
    off, zero = fit("model.supervision.loss=none"), fit("model.supervision.weight=0")
    assert all(torch.equal(off.draws[name], zero.draws[name]) for name in off.draws)
    assert not torch.equal(off.draws["shared"], quick.draws["shared"])


def test_ties_are_modelled_where_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ties.parquet"
    frame(150, ties=True).to_parquet(path)
    run = fit(source=str(path), ties="davidson")
    assert run.model.shape.ties  # type: ignore[union-attr]
    assert "log_tie" in run.draws
    assert run.record["data"]["rows"] == 150
    assert "log_tie" not in fit(source=str(path)).draws


def test_the_same_seed_gives_the_same_bits(quick: Run) -> None:
    first, again, other = quick, fit(), fit("seed=1")
    assert all(torch.equal(first.draws[name], again.draws[name]) for name in first.draws)
    assert not torch.equal(first.draws["shared"], other.draws["shared"])


def test_scores_of_one_response_a_row(scored: Run, tmp_path: Path) -> None:
    path = tmp_path / "single.csv"
    pair_support.single_frame(pair_support.pair_frame(60, seed=1)).drop_duplicates().to_csv(path, index=False)
    table = RECIPE.score(scored, str(path), PairSpec(), embeddings=pair_support.store_path())[0].to_pandas()
    truth = table["response"].map(pair_support.reward)
    assert np.corrcoef(table["reward"], truth)[0, 1] > 0.85
    np.testing.assert_allclose(table["weight_helpful"] + table["weight_brief"], 1, atol=1e-5)
    assert (table["weight_helpful_low"] < table["weight_helpful"]).all()
    assert (table.groupby("prompt")["weight_helpful"].nunique() == 1).all()
    assert {"reward_sd", "reward_low", "reward_high", "probability"} <= set(table.columns)


def test_rewards_in_code(scored: Run) -> None:
    texts = pair_support.pair_frame(6, seed=1)
    conversations = [probrm.data.Conversation(p, r) for p, r in zip(texts["prompt"], texts["chosen"], strict=True)]
    found = RECIPE.reward(scored, conversations, embeddings=pair_support.store_path())
    assert np.corrcoef(found.reward, [pair_support.reward(text) for text in texts["chosen"]])[0, 1] > 0.8


def test_one_pair_in_full(scored: Run) -> None:
    found = RECIPE.inspect(scored, "r3")
    assert set(found["weights"]) == set(found["contributions"]) == {"helpful", "brief"}
    assert set(found["scores_of_chosen"]) == {"helpful", "brief"}
    gap = found["reward"]["chosen"]["mean"] - found["reward"]["rejected"]["mean"]
    assert sum(part["mean"] for part in found["contributions"].values()) == pytest.approx(gap, abs=0.5)


def test_attributes_that_cannot_be_used(tmp_path: Path) -> None:
    path = str(tmp_path / "bad.parquet")
    frame().assign(chosen_brief="good").to_parquet(path)
    assert fit(source=path).model.shape.objectives == ("helpful",)  # type: ignore[union-attr]
    with pytest.raises(DataError, match="brief"):
        fit(source=path, attributes=["brief"])


def test_what_each_objective_is_is_told_with_texts_and_without(scored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = scored.metrics["diagnostics"]["objectives"]
    assert "text" not in stored["brief"]["answers_high"][0]  # the run holds no texts
    found = RECIPE.described(scored)["objectives"]
    assert set(found) == {"helpful", "brief"}
    data = frame().set_index("id")
    for entry in found["brief"]["answers_high"]:
        assert entry["text"] == data.loc[entry["row"], entry["side"]]
    assert found["brief"]["prompts_most"][0]["text"] in set(data["prompt"])
    assert "rating of helpful" in found["helpful"]["correlations"]["score"]
    [section] = RECIPE.posterior_sections(scored)
    assert [section.id] == [one.id for one in RECIPE.report_sections(scored)] == ["objectives"]
    monkeypatch.setitem(scored.record["data"], "source", "gone.parquet")
    assert "text" not in RECIPE.described(scored)["objectives"]["brief"]["answers_high"][0]


def test_names_are_checked_on_held_out_prompts(scored: Run) -> None:
    found = scored.metrics["diagnostics"]["objective_names"]
    held = frame().set_index("id").loc[scored.split, "prompt"].nunique()
    assert all(0 < one["prompts"] <= held < 10 and one["score"] is None for one in found.values())
    note = "names of objectives not checked: 10 held-out prompts"
    assert any(note in line for line in scored.record["notes"])
    assert RECIPE.more_notes(scored) == []
    run = fit("held_out=0.5")
    found = run.metrics["diagnostics"]["objective_names"]
    assert found["helpful"]["prompts"] >= 10
    assert found["helpful"]["score"]["value"] > 0.5  # the pairs are decided by it for the most part
    wrong = [name for name, one in found.items() if one["reliable"] is False]
    for notes in (run.record["notes"], run.metrics["identifiability"]["notes"], RECIPE.more_notes(run)):
        assert [name for name in found if any(f"objective {name!r}:" in line and "do not rely" in line for line in notes)] == wrong
    assert wrong == ["brief"]  # it is taken away from the reward


def test_one_objective_has_nothing_to_describe() -> None:
    run = fit("model.selection=one", source=plain_path())
    assert run.metrics["diagnostics"]["objectives"] == {}
    assert RECIPE.described(run) == {}
    assert RECIPE.posterior_sections(run) == RECIPE.report_sections(run) == []
    with pytest.raises(ConfigError, match=r"--weights: the run has one objective, 'reward'"):
        run.reweighted({"reward": 1.0})


def test_a_network_decoder_is_described_by_its_weights() -> None:
    run = fit("model.features.prior=standard", "model.decoder.name=mlp", "model.decoder.hidden=[8]", "inference.max_steps=5")
    assert "objective_names" not in run.metrics["diagnostics"]
    assert set(run.metrics["diagnostics"]["objectives"]["brief"]) == {"weight", "prompts_most", "prompts_least"}
    assert len(RECIPE.posterior_sections(run)) == 1


def test_weights_given_by_hand(scored: Run) -> None:
    texts = pair_support.pair_frame(6, seed=1)
    conversations = [probrm.data.Conversation(p, r) for p, r in zip(texts["prompt"], texts["chosen"], strict=True)]
    changed = scored.reweighted({"helpful": 3, "brief": 1})
    assert changed.record["weights"] == {"given": {"helpful": 3, "brief": 1}, "used": {"helpful": 0.75, "brief": 0.25}}
    assert "weights" not in scored.record
    found, whole = (RECIPE.reward(run, conversations, embeddings=pair_support.store_path()) for run in (changed, scored))
    assert not np.allclose(found.reward, whole.reward, atol=1e-4)
    assert RECIPE.more_notes(changed)[-1].endswith("helpful 0.75, brief 0.25 (those given sum to 4 and were divided by that)")
    with pytest.raises(ConfigError, match="did you mean 'brief'"):
        scored.reweighted({"breif": 1})


@pytest.mark.parametrize("slot", ["shared", "contrasts", "gate"])
def test_priors_of_ones_own_are_trained_for_at_full_rates(slot: str) -> None:
    """The start knows the default priors only: from there the last, smallest rates would leave a posterior of priors that nobody chose."""
    several = Selection(2, 3.0, 0.8, 0.1, 5.0)
    assert begins_trained(VRMConfig(), several)
    assert not begins_trained(VRMConfig(), Selection(1, 1.0, 0.8))
    assert not begins_trained(VRMConfig(priors=VRMPriors(**{slot: Normal(0.0, 0.1)})), several)
