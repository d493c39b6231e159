from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from probrm.errors import ConfigError
from probrm.priors import Beta
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.identifiability.assumptions import Assumptions, Effect

SHAPE = LogShape(2, ("length", "code_block"), ("surface[ide]", "code_block"))
NONE = torch.zeros(0, dtype=torch.float64)


def rate_of(text: str) -> Beta:
    found = Assumptions.parse([text]).base_rate
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "base-rate=0.4±0.1",
        "base_rate=0.4±0.1",
        "base rate = .4 ± .1",
        "base-rate=0.4+-0.1",
        "base-rate=0.4+/-0.1",
        " base-rate=4e-1±1E-1 ",
    ],
)
def test_spellings_of_a_base_rate(text: str) -> None:
    rate = rate_of(text)
    assert rate.concentration1 == pytest.approx(9.2)  # m (1 − m) / s² − 1 = 23
    assert rate.concentration0 == pytest.approx(13.8)


@pytest.mark.parametrize(("mean", "sd"), [(0.4, 0.1), (0.5, 0.28), (0.05, 0.01), (0.99, 0.05), (0.3, 0.4)])
def test_the_beta_has_the_moments_that_were_given(mean: float, sd: float) -> None:
    rate = rate_of(f"base-rate={mean}±{sd}")
    moments = stats.beta(rate.concentration1, rate.concentration0).stats()
    assert moments == pytest.approx((mean, sd**2), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("code_block raises propensity", Effect("code_block", 1, "propensity")),
        ("  code_block   lowers  reward ", Effect("code_block", -1, "reward")),
        ("surface[ide] lowers propensity", Effect("surface[ide]", -1, "propensity")),
        ("time of day raises reward", Effect("time of day", 1, "reward")),
    ],
)
def test_directions(text: str, effect: Effect) -> None:
    assert Assumptions.parse([text]) == Assumptions(None, (effect,))
    assert effect.site == f"{effect.head}_effects"


def test_several_at_once() -> None:
    found = Assumptions.parse(["length lowers reward", "base-rate=0.5±0.1", "code_block raises propensity"])
    assert found.base_rate == rate_of("base-rate=0.5±0.1")
    assert [e.covariate for e in found.effects] == ["length", "code_block"]
    assert Assumptions.parse([]) == Assumptions()
    assert len(Assumptions.parse(["x raises reward", "x lowers propensity", "y lowers reward"]).effects) == 3


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["base-rate=0.4"], r"--assume base-rate=0\.4: found neither a base rate nor a direction\n.*base-rate=0\.4±0\.1"),
        (["code_block raises clicks"], r"found neither .*\n.*raises\|lowers, propensity\|reward"),
        (["raises propensity"], "found neither"),
        ([""], "found neither"),
        (["base-rate=0.4±0.1", "base rate=0.5±0.1"], r"--assume base rate=0\.5±0\.1: a second base rate\n.*give one"),
        (
            ["x raises reward", "y lowers reward", "x lowers reward"],
            "--assume x lowers reward: the opposite is assumed too\n.*give one of the two",
        ),
        (["base-rate=4±0.1"], r"no rate in \(0, 1\) has this mean and deviation; allowed: a mean between 0 and 1"),
        (["base-rate=-0.4±0.1"], r"no rate in \(0, 1\)"),
        (["base-rate=0.4±-0.1"], r"no rate in \(0, 1\)"),
        (["base-rate=0±0.1"], "no rate in"),
        (["base-rate=1±0.1"], "no rate in"),
        (["base-rate=0.4±0"], "no rate in"),
        (["base-rate=0.5±0.5"], "no rate in"),
        (["base-rate=0.4.1±0.1"], r"--assume base-rate=0\.4\.1±0\.1: found no two numbers\n.*write --assume base-rate=0\.4±0\.1"),
        (["base-rate=0.4±."], "found no two numbers"),
        (["base-rate=0.4±e"], "found neither"),
    ],
)
def test_texts_that_say_nothing(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Assumptions.parse(texts)


def test_a_covariate_that_the_head_does_not_see() -> None:
    Assumptions.parse(["code_block raises propensity", "code_block lowers reward", "length raises reward"]).check(SHAPE)
    with pytest.raises(
        ConfigError, match=r"the propensity has no covariate 'length'; it has surface\[ide\], code_block\n.*--propensity-features length"
    ):
        Assumptions.parse(["length raises propensity"]).check(SHAPE)
    with pytest.raises(ConfigError, match=r"the reward has no covariate 'lenght'; it has length, code_block\n.*did you mean 'length'\?"):
        Assumptions.parse(["lenght raises reward"]).check(SHAPE)
    with pytest.raises(ConfigError, match="the reward has no covariate 'length'; it has none"):
        Assumptions.parse(["length raises reward"]).check(LogShape(2))


def test_probability_of_a_base_rate_is_its_mean_over_those_allowed() -> None:
    rates = torch.linspace(0.2, 0.7, 41, dtype=torch.float64)
    density = stats.beta.pdf(rates.numpy(), 9.2, 13.8)
    found = Assumptions.parse(["base-rate=0.4±0.1"]).log_probability(SHAPE, {}, rates)
    assert found == pytest.approx(np.log(density.mean()), abs=1e-5)  # the concentrations pass through float32


@pytest.mark.parametrize(("word", "sign"), [("raises", 1), ("lowers", -1)])
@pytest.mark.parametrize("centre", [-8.0, -0.3, 0.0, 2.0])
def test_probability_of_a_direction_is_a_normal_tail(word: str, sign: int, centre: float) -> None:
    draws = torch.randn(500, 2, generator=torch.Generator().manual_seed(1)) * 0.5 + torch.tensor([3.0, centre])
    values = draws[:, 1].double().numpy()
    expected = stats.norm.logcdf(sign * values.mean() / values.std(ddof=1))
    found = Assumptions.parse([f"code_block {word} propensity"]).log_probability(SHAPE, {"propensity_effects": draws}, NONE)
    assert found == pytest.approx(expected, rel=1e-5)
    both = Assumptions.parse([f"code_block {word} propensity"] * 2).log_probability(SHAPE, {"propensity_effects": draws}, NONE)
    assert both == pytest.approx(2 * expected, rel=1e-5)


def test_each_head_is_asked_for_its_own_effect() -> None:
    draws = {
        "reward_effects": torch.randn(100, 2) + torch.tensor([5.0, -5.0]),
        "propensity_effects": torch.randn(100, 2) + torch.tensor([-5.0, 5.0]),
    }
    found = {
        (name, head): Assumptions.parse([f"{name} raises {head}"]).log_probability(SHAPE, draws, NONE)
        for head, names in (("reward", SHAPE.reward_effects), ("propensity", SHAPE.propensity_effects))
        for name in names
    }
    likely = {key for key, value in found.items() if value > -1e-3}
    assert likely == {("length", "reward"), ("code_block", "propensity")}
    assert all(found[key] < -5 for key in found.keys() - likely)
