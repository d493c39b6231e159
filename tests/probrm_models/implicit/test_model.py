"""The generative process: its sites, its draws, its predictors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from pyro import poutine

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import SVI, fit
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel

SHAPE = LogShape(4, ("a",), ("c", "d"), ("u", "v", "w"))


def rows(n: int = 6, **columns: Any) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        {
            "embedding": torch.randn(n, 4, generator=generator),
            "reward_covariates": torch.randn(n, 1, generator=generator),
            "propensity_covariates": torch.randn(n, 2, generator=generator),
            "user": torch.randint(0, 3, (n,), generator=generator),
            "action": torch.zeros(n),
            "label": torch.full((n,), math.nan),
            "weight": torch.ones(n),
        }
        | columns,
        n,
    )


def model(**config: Any) -> ImplicitModel:
    return ImplicitModel(SHAPE, ImplicitConfig.from_dict(config))


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


def sites(model: ImplicitModel) -> list[str]:
    return run(model.globals).stochastic_nodes


def test_the_default_sites() -> None:
    assert sites(model()) == [
        "base_rate",
        "reward_weights_scale",
        "reward_weights",
        "reward_effects",
        "propensity_intercept",
        "propensity_effects",
        "user_activity_scale",
        "user_activity",
    ]


def test_what_is_not_there_has_no_site() -> None:
    bare = ImplicitModel(LogShape(4))
    assert sites(bare) == ["base_rate", "reward_weights_scale", "reward_weights", "propensity_intercept"]
    assert bare.exchangeable is None


def test_options_add_their_sites() -> None:
    beta, horseshoe = {"dist": "Beta", "concentration0": 30}, {"dist": "Horseshoe"}
    found = sites(model(share_embedding=True, action={"false_rate": beta}, priors={"weights": horseshoe}))
    assert {"propensity_weights", "false_rate", "reward_weights_local", "reward_weights_global", "propensity_weights_local"} <= set(found)


def test_every_vector_site_has_named_dimensions_with_coordinates() -> None:
    for config in (
        {},
        {"share_embedding": True, "priors": {"weights": {"dist": "Horseshoe"}}},
        {"reward_head": {"name": "mlp", "hidden": [5, 3]}},
    ):
        m = model(**config)
        coords = m.coords()
        for site in Layout.of(m, rows()).sites:
            assert tuple(len(coords[dim]) for dim in m.axes(site.name, site.shape)) == site.shape, site.name


@pytest.mark.parametrize("share", [False, True])
def test_the_predictors_are_the_formulas(share: bool) -> None:
    m, batch = model(share_embedding=share), rows()
    values = {name: site["value"] for name, site in run(m.globals).nodes.items() if site["type"] == "sample"}
    h = batch["embedding"] / 2.0
    reward = torch.logit(values["base_rate"]) + h @ values["reward_weights"] + batch["reward_covariates"] @ values["reward_effects"]
    assert torch.allclose(m.reward(values, batch), reward, atol=1e-6)
    propensity = values["propensity_intercept"] + batch["propensity_covariates"] @ values["propensity_effects"]
    propensity = propensity + values["user_activity"][batch["user"]] + (h @ values["propensity_weights"] if share else 0)
    assert torch.allclose(m.propensity(values, batch), propensity, atol=1e-6)


def test_at_average_features_the_reward_is_the_base_rate() -> None:
    m, zeros = model(), rows(embedding=torch.zeros(6, 4), reward_covariates=torch.zeros(6, 1))
    values = {"base_rate": torch.tensor(0.3), "reward_weights": torch.randn(4), "reward_effects": torch.randn(1)}
    assert torch.sigmoid(m.reward(values, zeros)).tolist() == pytest.approx([0.3] * 6, abs=1e-6)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (0.2, 0.0), (0.1, 0.3)])
def test_draws_of_the_rows_come_at_the_rates_of_the_process(epsilon: float, delta: float) -> None:
    """40,000 rows of one kind: every stratum and action within 5 standard errors (a correct sampler fails once in 10⁵ seeds)."""
    n = 40_000
    m = model(form="enumerated", action={"false_rate": epsilon, "miss_rate": delta})
    batch = rows(n, embedding=torch.zeros(n, 4), reward_covariates=torch.zeros(n, 1), propensity_covariates=torch.zeros(n, 2))
    values = {"base_rate": torch.tensor(0.6), "propensity_intercept": torch.tensor(-0.5), "user_activity": torch.zeros(3)}
    trace = run(poutine.condition(poutine.uncondition(m), data=values), batch)
    r, a, o = (trace.nodes[name]["value"] for name in ("preference", "activity", "action"))
    gamma, mu = 0.6, float(torch.sigmoid(torch.tensor(-0.5)))
    rate = gamma * mu * (1 - delta) + (1 - gamma * mu) * epsilon
    for found, expected in ((r, gamma), (a, mu), (r * a, gamma * mu), (o, rate)):
        assert abs(float(found.mean()) - expected) < 5 * math.sqrt(expected * (1 - expected) / n)
    if epsilon == delta == 0.0:
        assert torch.equal(o, r * a)


def test_users_that_the_fit_has_not_seen_are_drawn_from_their_prior() -> None:
    """4,000 draws of two strangers: standard deviation that of each draw's own scale, within 5 standard errors."""
    m, count = model(), 4000
    scale = torch.tensor([0.2, 3.0]).repeat_interleave(count // 2)
    values = {"user_activity": torch.zeros(count, 3), "user_activity_scale": scale}
    effects = m.new_user_activity(values, 2)
    assert effects.shape == (count, 2)
    for at, expected in ((slice(0, count // 2), 0.2), (slice(count // 2, None), 3.0)):
        drawn = effects[at]
        assert abs(float(drawn.std()) / expected - 1) < 5 / math.sqrt(2 * drawn.numel())
        assert abs(float(drawn.mean())) < 5 * expected / math.sqrt(drawn.numel())


def test_a_stranger_in_a_batch_gets_an_effect_of_their_own() -> None:
    m, batch = model(), rows(user=torch.tensor([0, 1, 2, 3, 4, 3]), propensity_covariates=torch.zeros(6, 2))
    values = {
        "propensity_intercept": torch.zeros(50),
        "propensity_effects": torch.zeros(50, 2),
        "user_activity": torch.ones(50, 3),
        "user_activity_scale": torch.ones(50),
    }
    logit = m.propensity(values, batch)
    assert torch.equal(logit[:, :3], torch.ones(50, 3))
    assert torch.equal(logit[:, 3], logit[:, 5])
    assert not torch.equal(logit[:, 3], logit[:, 4])


def test_extreme_predictors_leave_values_and_gradients_finite() -> None:
    m = model(action={"false_rate": 0.05})
    extreme = torch.tensor([-60.0, 60.0, 60.0, -60.0, 0.0, 60.0], dtype=torch.float64)
    reward, propensity = extreme.clone().requires_grad_(), extreme.flip(0).clone().requires_grad_()
    for label in (math.nan, 0.0, 1.0):
        for m_ in (m, model()):
            d = m_.marginal_action_dist(reward, propensity, torch.full((6,), label).double(), {})
            for action in (torch.zeros(6), torch.ones(6)):
                if label == 0.0 and m_ is not m and action[0] == 1:
                    continue  # an action on a bad answer without false actions: impossible, and said to be
                density = d.log_prob(action)
                assert torch.isfinite(density).all()
                found = torch.autograd.grad(density.sum(), [reward, propensity], allow_unused=True, retain_graph=True)
                assert all(torch.isfinite(g).all() for g in found if g is not None)


def test_a_contradiction_is_impossible_rather_than_unlikely() -> None:
    d = model().marginal_action_dist(torch.zeros(1), torch.zeros(1), torch.zeros(1), {})
    assert float(d.log_prob(torch.ones(1))) == -math.inf


def test_preference_and_activity_are_the_sigmoids() -> None:
    x = torch.linspace(-3, 3, 5)
    for d in (model().preference_dist(x), model().activity_dist(x)):
        assert torch.allclose(d.log_prob(torch.ones(5)), F.logsigmoid(x))
        assert torch.allclose(d.log_prob(torch.zeros(5)), F.logsigmoid(-x))


def test_marginalised_puts_the_form_back_even_after_an_error() -> None:
    m = model(form="enumerated")

    def fail() -> None:
        with m.marginalised():
            assert m.form == "marginal"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert m.form == "enumerated"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"share_embedding": True, "propensity_head": {"name": "mlp", "hidden": [3]}},
        {"action": {"false_rate": {"dist": "Beta", "concentration0": 40.0}, "miss_rate": 0.1}, "form": "enumerated"},
        {"priors": {"weights": {"dist": "Horseshoe", "scale": 0.2}, "base_rate": {"dist": "Beta", "concentration1": 5.0}}},
        {"reward_head": {"name": "mlp", "hidden": [8, 4]}},
    ],
    ids=str,
)
def test_spec_is_json_and_rebuilds_the_model(config: dict[str, Any]) -> None:
    m = model(**config)
    spec = json.loads(json.dumps(m.spec()))
    again = ImplicitModel.from_spec(spec)
    assert again.spec() == m.spec()
    assert again.shape == m.shape
    assert again.config == m.config
    assert sites(again) == sites(m)
    assert [p.shape for p in again.parameters()] == [p.shape for p in m.parameters()]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"prior": {}}, "prior"),
        ({"priors": {"weigths": {"dist": "Normal"}}}, "weigths"),
        ({"priors": {"weights": {"dist": "Normla"}}}, "did you mean Normal"),
        ({"priors": {"weights": {"dist": "Normal", "scale": -1}}}, "scale"),
        ({"reward_head": {"name": "conv"}}, "mlp"),
        ({"action": {"false_rate": 0.7}}, "0.5"),
        ({"form": "sampled"}, "enumerated"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ImplicitConfig.from_dict(settings)


def test_a_prior_of_the_users_own_takes_the_place_of_any() -> None:
    priors = {"weights": dist.Laplace(0.0, 0.5), "base_rate": dist.Uniform(0.2, 0.8)}
    trace = run(model(priors=priors).globals)
    assert isinstance(trace.nodes["reward_weights"]["fn"].base_dist, dist.Laplace)
    assert 0.2 < float(trace.nodes["base_rate"]["value"]) < 0.8


def test_simulated_rows_have_the_truth_beside_them(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(500, users=7, labels=20)
    assert data.batch["label"].isfinite().sum() == 20
    assert torch.equal(data.batch["label"][:20], data.preference[:20])
    assert ((data.batch["action"] == 1) <= (data.preference == 1)).all()
    assert len(data.shape.users) == 7


def test_an_mlp_head_of_the_propensity_sees_the_covariates(implicit_data: Any) -> None:
    """An activity that depends on the product of two covariates: the linear head cannot see it, the network does."""
    data = implicit_data(3000, 4, seed=5)
    covariates = data.batch["propensity_covariates"]
    product = torch.sign(covariates[:, 0] * covariates[:, 1])
    generator = torch.Generator().manual_seed(5)
    active = torch.bernoulli(torch.sigmoid(2.5 * product), generator=generator)
    batch = Batch({**data.batch.columns, "action": data.preference * active}, len(data.batch))
    train, held_out = batch.subset(torch.arange(2400)), batch.subset(torch.arange(2400, 3000))
    config = ImplicitConfig(propensity_head={"name": "mlp", "hidden": (16, 8)})  # type: ignore[arg-type]
    assert ImplicitModel(data.shape, config).propensity_trunk is not None
    short = SVI(refit=False, draws=200)
    scores = [
        fit(ImplicitModel(data.shape, c), train, held_out=held_out, inference=short, starts=1, device="cpu").held_out
        for c in (ImplicitConfig(), config)
    ]
    linear, network = (score if score is not None else math.nan for score in scores)
    assert network > linear + 0.05
