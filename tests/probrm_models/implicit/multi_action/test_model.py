"""The model of several actions: its sites, its predictors, its densities."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pyro import poutine

from probrm.actions import Preference
from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.errors import ConfigError
from probrm.guides import Layout
from probrm.inference.laplace.potential import Potential
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import MultiActionModel, build_implicit, implicit_from_spec

ACTIONS = (
    ActionSpec("copied"),
    ActionSpec("rating", "ordinal", levels=("1", "2", "3", "4")),
    ActionSpec("regenerated", against=True),
    ActionSpec("dwell", "log-normal", centre=2.0, spread=1.5),
    ActionSpec("effort", "ordinal", against=True, levels=("low", "high")),
)
SHAPE = LogShape(4, ("a",), ("c", "d"), ("u", "v", "w"), actions=ACTIONS)
N = 6


def rows(n: int = N, **columns: Any) -> Batch:
    generator = torch.Generator().manual_seed(0)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator)

    actions = torch.stack([torch.zeros(n), torch.arange(n) % 4.0, torch.ones(n), normal(n).exp(), torch.arange(n) % 2.0], 1)
    actions[1, 1] = actions[2, 3] = actions[3, 2] = math.nan
    return Batch(
        {
            "embedding": normal(n, 4),
            "reward_covariates": normal(n, 1),
            "propensity_covariates": normal(n, 2),
            "user": torch.randint(0, 3, (n,), generator=generator),
            "action": torch.zeros(n),
            "actions": actions,
            "label": torch.full((n,), math.nan),
            "weight": torch.ones(n),
            "won": torch.tensor([1.0, math.nan, 0.0, math.nan, math.nan, 1.0])[:n],
            "rival_embedding": normal(n, 4),
            "rival_reward_covariates": normal(n, 1),
        }
        | columns,
        n,
    )


def model(shape: LogShape = SHAPE, **config: Any) -> MultiActionModel:
    built = build_implicit(shape, ImplicitConfig.from_dict(config))
    assert isinstance(built, MultiActionModel)
    return built


def run(model: Any, *args: Any) -> Any:
    return poutine.trace(model).get_trace(*args)


def draw(m: ImplicitModel) -> dict[str, torch.Tensor]:
    return {name: site["value"] for name, site in run(m.globals).nodes.items() if site["type"] == "sample"}


def stacked(m: ImplicitModel, count: int = 3) -> tuple[list[dict[str, torch.Tensor]], Mapping[str, torch.Tensor]]:
    draws = [draw(m) for _ in range(count)]
    return draws, {name: torch.stack([d[name] for d in draws]) for name in draws[0]}


def test_the_sites() -> None:
    shapes = {s.name: s.shape for s in Layout.of(model(), rows()).sites}
    assert shapes == {
        "user_activity": (3,),
        "base_rate": (),
        "reward_weights_scale": (),
        "reward_weights": (4,),
        "reward_effects": (1,),
        "propensity_intercept": (3,),
        "propensity_effects": (5, 2),
        "user_activity_scale": (),
        "action_strength": (3,),
        "action_width": (1,),
        "level_hazards": (4,),
    }
    assert model().exchangeable == "user_activity"


def test_only_scales_of_priors_are_marked_as_such() -> None:
    """The start sets marked sites by their prior's evidence alone: a strength or a width would never see the data."""
    marked = {s.name for s in Layout.of(model(), rows()).sites if s.hyper}
    assert marked == {"reward_weights_scale", "user_activity_scale"}


def test_what_is_not_there_has_no_site() -> None:
    bare = model(LogShape(4, actions=(ActionSpec("copied"), ActionSpec("regenerated", against=True))))
    assert list(draw(bare)) == ["base_rate", "reward_weights_scale", "reward_weights", "propensity_intercept"]
    assert bare.exchangeable is None
    rated = model(LogShape(4, users=("u", "v"), actions=ACTIONS[1:2]))
    assert rated.acted == ["rating"]  # who is active shows in it, where there is no yes/no action
    assert model().acted == ["copied", "regenerated"]
    assert "propensity_intercept" not in draw(rated)  # the cut points are intercepts


@pytest.mark.parametrize("config", [{}, {"share_embedding": True, "priors": {"weights": {"dist": "Horseshoe"}}}], ids=str)
def test_every_vector_site_has_named_dimensions_with_coordinates(config: dict[str, Any]) -> None:
    m = model(**config)
    coords = m.coords()
    for site in Layout.of(m, rows()).sites:
        assert tuple(len(coords[dim]) for dim in m.axes(site.name, site.shape)) == site.shape, site.name
    assert coords["level"] == ["rating=1", "rating=2", "rating=3", "effort=low"]


@pytest.mark.parametrize("share", [False, True])
def test_the_predictors_are_the_formulas(share: bool) -> None:
    m, batch = model(share_embedding=share), rows()
    v = draw(m)
    b = v["propensity_intercept"]
    activity = v["user_activity"][batch["user"]]
    constant = [b[0], 0.0, b[1], b[2], 0.0]
    acted = [1.0, 0.0, 1.0, 0.0, 0.0]
    found = m.propensities(v, batch)
    for k in range(5):
        expected = constant[k] + batch["propensity_covariates"] @ v["propensity_effects"][k] + acted[k] * activity
        expected = expected + (batch["embedding"] / 2.0 @ v["propensity_weights"][k] if share else 0.0)
        torch.testing.assert_close(found[k], expected)
    torch.testing.assert_close(m.propensity(v, batch), found[0])


def test_a_row_is_the_product_of_its_actions_given_the_preference() -> None:
    """Written out once more, action by action, with scipy-free arithmetic."""
    m, batch = model(action={"false_rate": 0.05}), rows()
    v = draw(m)
    eta, gamma = m.propensities(v, batch), m.reward(v, batch).sigmoid()
    hazards, strength, width = v["level_hazards"], v["action_strength"], v["action_width"]
    below = 1 - torch.cumprod(1 - hazards[:3], 0)  # P(rating ≤ j) at location 0
    cuts, cut = torch.logit(below), torch.logit(hazards[3])
    expected = torch.zeros(N)
    for r, p in ((1.0, gamma), (0.0, 1 - gamma)):
        copied = r * eta[0].sigmoid() * 0.95 + 0.05
        regenerated = (1 - r) * eta[2].sigmoid() * 0.95 + 0.05
        rating = torch.cat([torch.zeros(N, 1), torch.sigmoid(cuts - (eta[1] + strength[0] * r)[:, None]), torch.ones(N, 1)], 1).diff(dim=1)
        seconds = torch.distributions.LogNormal(2.0 + 1.5 * (eta[3] + strength[1] * r), 1.5 * width[0])
        high = torch.sigmoid(eta[4] - strength[2] * r - cut)
        for i in range(N):
            o = batch["actions"][i]
            term = p[i] * (1 - copied[i])
            term = term * (1.0 if o[1].isnan() else rating[i, int(o[1])])
            term = term * (1.0 if o[2].isnan() else regenerated[i])
            term = term * (1.0 if o[3].isnan() else seconds.log_prob(o[3])[i].exp())
            expected[i] += term * (high[i] if o[4] == 1 else 1 - high[i])
    nothing = torch.full((N,), math.nan)
    torch.testing.assert_close(m.actions_dist(v, batch, nothing).log_prob(batch["actions"]), expected.log(), atol=1e-4, rtol=1e-4)


def test_many_draws_at_once_are_each_draw_by_itself() -> None:
    m, batch = model(), rows()
    draws, together = stacked(m)
    for name in ("log_likelihood", "preference_posterior", "propensity"):
        found = getattr(m, name)(together, batch)
        assert found.shape == (3, N)
        for i, one in enumerate(draws):
            torch.testing.assert_close(found[i], getattr(m, name)(one, batch), atol=1e-5, rtol=1e-4)


def test_the_process_scores_actions_verdicts_and_comparisons_with_their_weights() -> None:
    label = torch.tensor([1.0, 0.0, math.nan, math.nan, math.nan, math.nan])
    weight = torch.tensor([1.0, 2.0, 3.0, 0.5, 1.0, 1.0])
    m, batch = model(action={"false_rate": 0.1}), rows(label=label, weight=weight)
    batch = Batch(batch.columns, 2 * N)
    v = draw(m)
    trace = run(poutine.condition(m, data=v), batch)
    parts = [trace.nodes[name]["fn"].log_prob(trace.nodes[name]["value"]) for name in ("label", "actions", "comparison")]
    found = torch.stack(parts).sum(0)
    unlabelled = m.log_likelihood(v, rows())
    torch.testing.assert_close(found[2:], unlabelled[2:])
    reward = m.reward(v, batch)
    good, bad = m.actions_dist(v, batch, label).joint(batch["actions"])
    comparison = Preference(m.reward(v, batch) - m.reward(v, rivals(batch))).log_prob(torch.ones(N))
    torch.testing.assert_close(found[0], F.logsigmoid(reward[0]) + good[0] + comparison[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[1], F.logsigmoid(-reward[1]) + bad[1])
    trace.compute_log_prob()
    total = sum(trace.nodes[name]["log_prob"].sum() for name in ("label", "actions", "comparison"))
    torch.testing.assert_close(total, (found * weight).sum() * 2, atol=1e-3, rtol=1e-4)


def rivals(batch: Batch) -> Batch:
    return Batch({"embedding": batch["rival_embedding"], "reward_covariates": batch["rival_reward_covariates"]}, batch.total)


def test_the_rewards_difference_decides_a_comparison() -> None:
    m, batch = model(), rows()
    v = draw(m)
    alone = Batch({name: c for name, c in batch.columns.items() if not name.startswith(("rival", "won"))}, N)
    found = m.log_likelihood(v, batch) - m.log_likelihood(v, alone)
    difference = m.reward(v, batch) - m.reward(v, rivals(batch))
    won = batch["won"]
    expected = torch.where(won.isnan(), 0.0, torch.where(won == 1, F.logsigmoid(difference), F.logsigmoid(-difference)))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_regeneration_speaks_against_and_a_copy_for_an_answer() -> None:
    pair = (ActionSpec("copied"), ActionSpec("regenerated", against=True))
    m = model(LogShape(4, actions=pair))
    v = {"base_rate": torch.tensor(0.5), "reward_weights": torch.zeros(4), "propensity_intercept": torch.zeros(2)}
    actions = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [math.nan, 1.0], [0.0, math.nan], [math.nan, math.nan]])
    found = m.preference_posterior(v, rows(actions=actions))
    assert found.tolist() == pytest.approx([0.5, 0.0, 1.0, 0.0, 1 / 3, 0.5])
    gently = model(LogShape(4, actions=pair), action={"false_rate": 0.1}).preference_posterior(v, rows(actions=actions))
    assert 0 < float(gently[1]) < float(gently[0]) < float(gently[2]) < 1


@pytest.mark.parametrize("sign", [False, True])
def test_graded_actions_move_with_their_sign(sign: bool) -> None:
    graded = (
        ActionSpec("rating", "ordinal", against=sign, levels=("1", "2", "3")),
        ActionSpec("dwell", "log-normal", against=sign),
    )
    m = model(LogShape(4, actions=graded))
    v = {"base_rate": torch.tensor(0.5), "reward_weights": torch.zeros(4), "propensity_intercept": torch.zeros(1)}
    v |= {"action_strength": torch.tensor([1.0, 2.0]), "action_width": torch.ones(1), "level_hazards": torch.tensor([0.3, 0.5])}
    actions = torch.tensor([[0.0, math.nan], [1.0, math.nan], [2.0, math.nan], [math.nan, 0.1], [math.nan, 1.0], [math.nan, 50.0]])
    found = m.preference_posterior(v, rows(actions=actions))
    for group in (found[:3], found[3:]):
        assert bool((group.diff() < 0).all() if sign else (group.diff() > 0).all())


def test_one_plain_action_is_the_implicit_model() -> None:
    """The same density, with a known propensity in some rows."""
    single = LogShape(4, ("a",), ("c", "d"), ("u", "v", "w"))
    several = LogShape(4, ("a",), ("c", "d"), ("u", "v", "w"), actions=(ActionSpec("action"),))
    action = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    known = torch.tensor([0.3, 1.0, math.nan, math.nan, math.nan, 0.9])
    label = torch.tensor([math.nan, math.nan, 0.0, 1.0, 1.0, math.nan])
    columns: dict[str, Any] = {"action": action, "actions": action[:, None], "known_propensity": known, "label": label}
    batch = rows(**columns, won=torch.full((N,), math.nan))
    ours, theirs = model(several), build_implicit(single)
    assert type(theirs) is ImplicitModel
    v = draw(theirs)
    again = v | {"propensity_intercept": v["propensity_intercept"][None], "propensity_effects": v["propensity_effects"][None]}
    torch.testing.assert_close(ours.log_likelihood(again, batch), theirs.log_likelihood(v, batch))
    trace_ours, trace_theirs = run(poutine.condition(ours, data=again), batch), run(poutine.condition(theirs, data=v), batch)
    for trace in (trace_ours, trace_theirs):
        trace.compute_log_prob()
    for one, other in (("label", "label"), ("actions", "action")):
        torch.testing.assert_close(trace_ours.nodes[one]["log_prob"], trace_theirs.nodes[other]["log_prob"])


def test_a_stranger_gets_an_effect_of_their_own() -> None:
    m, batch = model(), rows(user=torch.tensor([0, 1, 2, 3, 4, 3]), propensity_covariates=torch.zeros(N, 2))
    _, together = stacked(m, 20)
    logit = m.propensities(together, batch)[0] - together["propensity_intercept"][:, :1]
    torch.testing.assert_close(logit[:, 3], logit[:, 5])
    assert not torch.equal(logit[:, 3], logit[:, 4])


def test_spec_is_json_and_rebuilds_the_model() -> None:
    for m in (model(), model(share_embedding=True, action={"false_rate": {"dist": "Beta", "concentration0": 40.0}})):
        spec = json.loads(json.dumps(m.spec()))
        again = implicit_from_spec(spec)
        assert type(again) is MultiActionModel
        assert again.spec() == m.spec()
        assert again.shape == m.shape
        assert list(draw(again)) == list(draw(m))
        again.load_state_dict(m.state_dict())
    plain = ImplicitModel(LogShape(4))
    assert type(implicit_from_spec(json.loads(json.dumps(plain.spec())))) is ImplicitModel


def test_what_needs_the_four_strata_is_refused() -> None:
    with pytest.raises(ConfigError, match="several actions allow: marginal"):
        model(form="enumerated")
    with pytest.raises(ConfigError, match="'amortised' works on the four strata"):
        model().local_guide()


@pytest.mark.parametrize(
    "config", [{}, {"action": {"false_rate": {"dist": "Beta", "concentration0": 40.0}}, "share_embedding": True}], ids=["plain", "all"]
)
@pytest.mark.parametrize("shape", [SHAPE, LogShape(4, ("a",), actions=ACTIONS[1:]), LogShape(4, ("a",), actions=ACTIONS[:1])])
def test_the_curvature_by_matrix_products_is_that_by_backward_passes(shape: LogShape, config: dict[str, Any]) -> None:
    m = model(shape, **config)
    label = torch.tensor([math.nan, 1.0, math.nan, math.nan, math.nan, math.nan])
    full = rows(label=label, weight=torch.rand(N) + 0.5)
    names = {a.column: i for i, a in enumerate(ACTIONS)}
    actions = full["actions"][:, [names[a.column] for a in shape.actions]]
    columns = {**full.columns, "actions": actions}
    if not shape.propensity_effects:
        columns["propensity_covariates"] = torch.zeros(N, 0)
    if len(shape.actions) > 1 and shape.users:
        columns = {name: c for name, c in columns.items() if name not in ("won", "rival_embedding", "rival_reward_covariates")}
        columns["actions"] = torch.where(actions == 1, 0.0, actions)  # no contradictions where there are no false actions
    if len(shape.actions) == 1:
        columns["known_propensity"] = torch.tensor([0.3, 1.0, *[math.nan] * 4])
    batch = Batch(columns, 2 * N)
    layout = Layout.of(m, batch)
    z = 0.5 * torch.randn(layout.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    potential = Potential(m.double(), layout, batch.to(dtype=torch.float64))
    fast = potential.curvature(z)
    slow = potential._arrow(z, rows=True)
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-7)
