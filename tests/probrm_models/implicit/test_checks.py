from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from probrm.actions import Click
from probrm.data import Log, LogSpec, read_log
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted, fit
from probrm.priors import Beta, HalfNormal, Horseshoe, LogNormal, Normal, StudentT
from probrm.recipes.logs.inputs import LogInputs
from probrm_models.implicit.checks import check_contradictions, check_form, check_priors, check_weights, mean_preference
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.model import ImplicitModel
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


def test_strata_that_are_not_summed_out_allow_one_action_only(tmp_path: Path) -> None:
    """Neither weights nor several actions."""
    several = read(tmp_path, LogSpec(actions=("action", "hour:log-normal")), hour=[1.0] * 150 + [2.0] * 150)
    check_form(several, ImplicitConfig(), "auto-normal")
    with pytest.raises(ConfigError, match="guide 'amortised': it works on the four strata"):
        check_form(several, ImplicitConfig(), "amortised")
    with pytest.raises(ConfigError, match=r"model\.form 'enumerated'"):
        check_form(several, ImplicitConfig(form="enumerated"), "auto-normal")
    check_form(read(tmp_path), ImplicitConfig(form="enumerated"), "amortised")


def fit_of(log: Log, settings: ImplicitConfig | None = None) -> tuple[LogInputs, Fitted]:
    vectors = torch.randn(len(log), 4, generator=torch.Generator().manual_seed(0))
    inputs = LogInputs.fit(log, vectors)
    return inputs, fit(ImplicitModel(inputs.shape, settings), inputs.batch(log, vectors), inference="laplace", starts=1)


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
    inputs = LogInputs.fit(log, vectors)
    data = inputs.batch(log, vectors)
    fitted = fit(ImplicitModel(inputs.shape), data, inference="laplace", starts=1)
    found = mean_preference(fitted, data)
    by_hand = [float(torch.sigmoid(fitted.model.reward({k: v[i] for k, v in fitted.draws.items()}, data)).mean()) for i in range(50)]
    assert found["low"] < found["mean"] < found["high"]
    assert abs(found["mean"] - sum(by_hand) / 50) < 0.2 * (found["high"] - found["low"])


def test_the_prior_of_what_is_an_answers_own_is_one_of_positive_numbers() -> None:
    with pytest.raises(ConfigError, match=r"model\.priors\.residual: Normal can give values outside"):
        check_priors(ImplicitConfig(priors=ImplicitPriors(residual=Normal(0.0, 1.0))))
    check_priors(ImplicitConfig(priors=ImplicitPriors(residual=HalfNormal(0.3))))
