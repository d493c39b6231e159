from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from probrm.actions import Click
from probrm.data import Log, LogSpec, read_log
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted, History, fit
from probrm.inference.starts import Start
from probrm.priors import Beta, HalfNormal, Horseshoe, LogNormal, Normal, StudentT
from probrm_models.implicit import ImplicitModel
from probrm_models.implicit_checks import check_contradictions, check_priors, check_weights, identifiability, mean_preference
from probrm_models.implicit_config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit_inputs import ImplicitInputs
from tests import support


def read(tmp_path: Path, spec: LogSpec | None = None, **changed: Any) -> Log:
    frame = support.unlabelled().assign(**changed)
    frame.drop(columns=[name for name, value in changed.items() if value is None]).to_parquet(tmp_path / "log.parquet")
    return read_log(str(tmp_path / "log.parquet"), spec)


def test_an_action_on_an_answer_that_was_judged_bad(tmp_path: Path) -> None:
    actions = support.unlabelled()["action"]
    log = read(tmp_path, label=[0.0 if action else None for action in actions])
    row = int(actions.to_numpy().argmax()) + 1
    with pytest.raises(DataError, match=rf"log\.parquet, row {row}: action 1 on an answer with label 0 \({actions.sum()} such rows\)"):
        check_contradictions(log, Click())
    check_contradictions(log, Click(false_rate=0.01))
    check_contradictions(log, Click(false_rate=Beta(1.0, 30.0)))
    check_contradictions(read(tmp_path, label=[None if action else 0.0 for action in actions]), Click())
    check_contradictions(read(tmp_path), Click())


def test_weights(tmp_path: Path) -> None:
    check_weights(read(tmp_path))
    check_weights(read(tmp_path, weight=[1.0] * 300))
    with pytest.raises(ConfigError, match=r"the column weight needs .*\n.*model\.form=marginal"):
        check_weights(read(tmp_path, weight=[1.0] * 299 + [2.0]))


@pytest.mark.parametrize(
    "priors",
    [
        {},
        {"weights": Horseshoe(0.1), "effects": StudentT(), "intercept": Beta()},
        {"weights": Normal(0.0, LogNormal()), "user_activity": Normal(0.0, 0.5), "effects": HalfNormal()},
        {"base_rate": torch.distributions.Beta(2.0, 2.0), "weights": torch.distributions.Normal(0.0, 1.0)},
    ],
)
def test_priors_that_fit(priors: dict[str, Any]) -> None:
    state = torch.get_rng_state()
    check_priors(ImplicitConfig(priors=ImplicitPriors(**priors), action=Click(false_rate=Beta(1.0, 30.0))))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("priors", "where"),
    [
        ({"base_rate": Normal()}, "base_rate: Normal"),
        ({"base_rate": HalfNormal()}, "base_rate: HalfNormal"),
        ({"base_rate": torch.distributions.Gamma(2.0, 2.0)}, "base_rate: "),
        ({"weights": Normal(0.0, Normal())}, r"weights\.scale: Normal"),
        ({"user_activity": StudentT(4.0, 0.0, StudentT())}, r"user_activity\.scale: StudentT"),
    ],
)
def test_priors_that_give_impossible_values(priors: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.priors\.{where}.* can give values outside .*\n  fix: --set model\.priors\."):
        check_priors(ImplicitConfig(priors=ImplicitPriors(**priors)))


def test_a_false_action_rate_beyond_one() -> None:
    with pytest.raises(ConfigError, match=r"action\.false_rate: HalfNormal"):
        check_priors(ImplicitConfig(action=Click(false_rate=HalfNormal())))


# ---- identifiability


def verdict(log: Log, settings: ImplicitConfig | None = None, *, rival: tuple[float, float] | None = None) -> dict[str, Any]:
    settings = settings or ImplicitConfig()
    vectors = torch.randn(len(log), 2, generator=torch.Generator().manual_seed(0))
    inputs = ImplicitInputs.fit(log, vectors)
    fitted = fit(ImplicitModel(inputs.shape, settings), inputs.batch(log, vectors), inference="laplace", starts=1)
    starts = [*fitted.starts]
    if rival:
        starts.append(Start(starts[0].laplace, starts[0].score - rival[0], rival[1]))
    return identifiability(log, inputs, settings, Fitted(fitted.model, None, fitted.draws, History(), starts, None))


def test_nothing_to_tell_preference_from_activity_by(tmp_path: Path) -> None:
    found = verdict(read(tmp_path, user_id=None))
    assert (found["exclusion"], found["users"], found["labels"], found["shared_embedding"]) == ([], 0, 0, False)
    assert len(found["notes"]) == 1
    assert found["notes"][0].startswith("nothing tells preference from activity")


def test_covariates_of_the_propensity_alone(tmp_path: Path) -> None:
    spec = LogSpec(propensity_features=("surface", "hour"), reward_features=("hour",))
    found = verdict(read(tmp_path, spec, user_id=None))
    assert found["exclusion"] == ["surface[web]"]  # what both heads see tells nothing apart
    assert found["notes"] == [
        "no explicit labels: the level of the rewards (the base rate) rests on its prior and on the model's form; the ranking does not"
    ]


def test_users_and_labels(tmp_path: Path) -> None:
    found = verdict(read(tmp_path, label=[1.0 if action else None for action in support.unlabelled()["action"]]))
    assert found["users"] == 12
    assert found["labels"] == int(support.unlabelled()["action"].sum())
    assert found["notes"] == []


def test_a_shared_embedding_is_warned_of(tmp_path: Path) -> None:
    notes = verdict(read(tmp_path), ImplicitConfig(share_embedding=True))["notes"]
    assert "share_embedding" in notes[0]


@pytest.mark.parametrize(("gap", "agreement", "told"), [(0.0005, 0.3, True), (0.0005, 0.95, False), (0.01, 0.3, False)])
def test_starts_that_disagree_at_the_same_likelihood(tmp_path: Path, gap: float, agreement: float, told: bool) -> None:
    found = verdict(read(tmp_path), rival=(gap, agreement))
    assert any("1 of 2 starts explain the held-out actions as well" in note for note in found["notes"]) == told
    assert [set(start) for start in found["starts"]] == [{"score", "agreement", "potential"}] * 2


def fit_of(log: Log, settings: ImplicitConfig | None = None) -> tuple[ImplicitInputs, Fitted]:
    vectors = torch.randn(len(log), 4, generator=torch.Generator().manual_seed(0))
    inputs = ImplicitInputs.fit(log, vectors)
    return inputs, fit(ImplicitModel(inputs.shape, settings), inputs.batch(log, vectors), inference="laplace", starts=1)


def test_users_who_act_once_each_tell_nothing(tmp_path: Path) -> None:
    strangers = read(tmp_path, user_id=[f"u{i}" for i in range(300)])
    found = identifiability(strangers, *_with(strangers))
    assert found["users"] == 300
    assert found["users_seen_often"] == 0
    assert any("nothing tells preference from activity" in note for note in found["notes"])
    regulars = read(tmp_path, user_id=[f"u{i % 30}" for i in range(300)])
    found = identifiability(regulars, *_with(regulars))
    assert found["users_seen_often"] == 30
    assert not any("nothing tells" in note for note in found["notes"])


def _with(log: Log) -> tuple[ImplicitInputs, ImplicitConfig, Fitted]:
    inputs, fitted = fit_of(log)
    return inputs, ImplicitConfig(), fitted


def test_a_learned_false_rate_goes_with_labels(tmp_path: Path) -> None:
    """The curvature of an action that contradicts its label is finite: the remedy that the message names works."""
    actions = support.unlabelled()["action"].to_numpy()
    log = read(tmp_path, label=[0.0 if i % 5 == 0 else (1.0 if i % 5 == 1 else None) for i in range(300)])
    assert ((actions == 1) & (log.label == 0)).any()
    _, fitted = fit_of(log, ImplicitConfig(action=Click(false_rate=Beta(1.0, 30.0))))
    assert 0 < float(fitted.draws["false_rate"].mean()) < 0.5


def test_the_mean_preference_is_that_of_the_draws(tmp_path: Path) -> None:
    log = read(tmp_path)
    vectors = torch.randn(len(log), 4, generator=torch.Generator().manual_seed(0))
    inputs = ImplicitInputs.fit(log, vectors)
    data = inputs.batch(log, vectors)
    fitted = fit(ImplicitModel(inputs.shape), data, inference="laplace", starts=1)
    found = mean_preference(fitted, data)
    by_hand = [float(torch.sigmoid(fitted.model.reward({k: v[i] for k, v in fitted.draws.items()}, data)).mean()) for i in range(50)]
    assert found["low"] < found["mean"] < found["high"]
    assert abs(found["mean"] - sum(by_hand) / 50) < 0.2 * (found["high"] - found["low"])
