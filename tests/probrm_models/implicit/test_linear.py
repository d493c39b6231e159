"""The curvature of the implicit models from their linear predictors, against one backward pass a coordinate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.coordinates.sites import global_latents, trace_globals
from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.guides import Layout, Whitening
from probrm.inference.energy import WhitenedEnergy
from probrm.inference.laplace.potential import Potential
from probrm.inference.laplace.rows_energy import RowsEnergy
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.base_rate import LevelCorrection
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import build_implicit

N = 24
FULL = LogShape(3, ("a", "b"), ("b", "c", "d"), ("u", "v", "w", "silent"))
BARE = LogShape(3)
COPIED, RETRIED = ActionSpec("copied"), ActionSpec("regenerated", against=True)
RATED = ActionSpec("rating", "ordinal", levels=("1", "2", "3", "4"))
READ = ActionSpec("dwell", "log-normal", centre=2.0, spread=1.5)
EFFORT = ActionSpec("effort", "ordinal", against=True, levels=("low", "high"))
ALL = (COPIED, RATED, RETRIED, READ, EFFORT)


@dataclass(frozen=True)
class Setting:
    """A model and rows for it."""

    shape: LogShape = FULL
    config: dict[str, Any] = field(default_factory=dict)
    labels: bool = False
    weights: bool = False
    known: bool = False
    reference: int = 0
    level: bool = False
    won: bool = False
    total: int = N


FIXED = {"base_rate": {"dist": "Beta", "concentration1": 3, "concentration0": 2}, "weights": {"dist": "Normal", "scale": 1.0}}
EVERYTHING = {"labels": True, "weights": True, "reference": 9, "level": True, "total": 100}
SETTINGS = {
    "plain": Setting(),
    "bare": Setting(BARE),
    "no users": Setting(replace(FULL, users=())),
    "no reward covariates": Setting(replace(FULL, reward_effects=())),
    "no propensity covariates": Setting(replace(FULL, propensity_effects=())),
    "fixed priors": Setting(BARE, {"priors": FIXED}),
    "share_embedding": Setting(config={"share_embedding": True}),
    "labels": Setting(labels=True),
    "weights": Setting(weights=True),
    "minibatch": Setting(total=100),
    "miss_rate": Setting(config={"action": {"miss_rate": 0.1}}),
    "false_rate": Setting(config={"action": {"false_rate": 0.05, "miss_rate": 0.1}}, labels=True),
    "known_propensity": Setting(known=True),
    "reference rows": Setting(reference=9),
    "level": Setting(level=True),
    "enumerated": Setting(config={"form": "enumerated"}),
    "Horseshoe": Setting(config={"priors": {"weights": {"dist": "Horseshoe"}}}),
    "StudentT": Setting(config={"priors": {"weights": {"dist": "StudentT", "df": 3}}}),
    "everything": Setting(config={"share_embedding": True, "action": {"miss_rate": 0.1}}, known=True, **EVERYTHING),
    "several": Setting(replace(FULL, actions=ALL)),
    "several, everything": Setting(replace(FULL, actions=ALL), {"share_embedding": True}, won=True, **EVERYTHING),
    "several, no users": Setting(replace(FULL, users=(), actions=ALL), won=True),
    "several, bare": Setting(replace(BARE, actions=ALL), won=True),
    "several, a rate learned": Setting(
        replace(FULL, actions=ALL), {"action": {"false_rate": {"dist": "Beta", "concentration1": 1, "concentration0": 20}}}, labels=True
    ),
    "several, binary alone": Setting(replace(FULL, actions=(COPIED, RETRIED)), labels=True),
    "several, ratings alone": Setting(replace(FULL, actions=(RATED,))),
    "several, times alone": Setting(replace(FULL, actions=(READ,)), labels=True),
    "several, one with known_propensity": Setting(replace(FULL, actions=(COPIED,)), known=True),
}


def rows(setting: Setting, n: int = N) -> Batch:
    """Nothing contradicts anything (no answer was both copied and regenerated), so that all densities are finite."""
    shape, action = setting.shape, (torch.rand(n) < 0.4).float()
    retried = (1 - action) * (torch.rand(n) < 0.5)
    actions = torch.stack([action, torch.arange(n) % 4.0, retried, torch.randn(n).exp(), torch.arange(n) % 2.0], 1)
    actions[1::5, 1], actions[2::7, 3], actions[3::4, 2] = math.nan, math.nan, math.nan
    label = torch.full((n,), math.nan)
    if setting.labels:  # good where there was an action, both otherwise
        label[::3] = torch.where(action[::3] == 1, 1.0, torch.arange(len(label[::3])) % 2.0)
        actions[::3, 2] = torch.where(label[::3] == 1, 0.0, 1.0)
    columns = {
        "embedding": torch.randn(n, shape.embedding),
        "reward_covariates": torch.randn(n, len(shape.reward_effects)),
        "propensity_covariates": torch.randn(n, len(shape.propensity_effects)),
        "user": torch.arange(n) % 3,
        "action": action,
        "label": label,
        "weight": 0.2 + torch.rand(n) if setting.weights else torch.ones(n),
    }
    if setting.known:
        known = torch.rand(n)
        known[::2], known[1] = math.nan, 1.0
        columns["known_propensity"] = known
    if shape.actions:
        columns["actions"] = actions[:, [ALL.index(a) for a in shape.actions]]
    if setting.won:
        won = torch.arange(n) % 2.0
        won[::3] = math.nan
        columns |= {
            "won": won,
            "rival_embedding": torch.randn(n, shape.embedding),
            "rival_reward_covariates": torch.randn(n, len(shape.reward_effects)),
        }
    return Batch(columns, setting.total)


def build(setting: Setting) -> ImplicitModel:
    reference = rows(setting, setting.reference) if setting.reference else None
    model = build_implicit(setting.shape, ImplicitConfig.from_dict(setting.config), reference)
    if setting.level:
        model.level = LevelCorrection(torch.linspace(-3, 3, 9), torch.randn(9))
    return model


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> Setting:
    return SETTINGS[request.param]


def potential_of(setting: Setting, normal: bool = False) -> Potential:
    model, batch = build(setting), rows(setting)
    return Potential(model, Layout.of(model, batch), batch.to(dtype=torch.float64), normal)


@pytest.mark.parametrize("normal", [False, True], ids=["priors as they are", "stand-ins"])
def test_curvature_is_that_from_backward_passes(setting: Setting, normal: bool) -> None:
    potential = potential_of(setting, normal)
    assert potential.model.linear_form(potential.batch) is not None
    for spread in (0.3, 1.0):
        z = spread * torch.randn(potential.layout.size).double()
        assert bool(torch.isfinite(potential(z)))
        exact = potential._arrow(z, rows=True)
        size = float(torch.cat([part.flatten() for part in exact]).abs().max())
        for found, expected in zip(potential.curvature(z), exact, strict=True):
            assert found.shape == expected.shape
            assert float((found - expected).abs().max() if found.numel() else 0.0) < 1e-8 * max(1.0, size)


def test_the_form_has_the_density_of_the_rows(setting: Setting) -> None:
    """Not its derivatives alone: the rows' part of the potential, to the last constant."""
    potential = potential_of(setting)
    z = 0.5 * torch.randn(potential.layout.size).double()
    form = potential.model.linear_form(potential.batch)
    assert form is not None
    values = potential.layout.constrain(z)
    density = form.density(form.predictors(values, values.get("user_activity"))).sum()
    traced = float(potential._log_density(z, potential.batch, rows=True))  # Pyro's own
    assert float(density) == pytest.approx(float(potential.prior(z)) + traced, abs=1e-8)
    assert float(potential(z)) == pytest.approx(-traced, abs=1e-8)
    single = replace(potential, single=True)
    assert float(single(z)) == pytest.approx(-traced, rel=1e-6)
    assert torch.allclose(single.gradient(z)[1], potential.gradient(z)[1], rtol=1e-4, atol=1e-4)


def test_the_samplers_gradient_is_that_of_the_traced_density(setting: Setting) -> None:
    """By matrix products in the rows' coefficients, against autograd through Pyro's trace of all rows."""
    potential = potential_of(setting)
    z = 0.5 * torch.randn(potential.layout.size).double().requires_grad_()
    whitening = Whitening.diagonal(torch.zeros_like(z.detach()), torch.ones_like(z.detach()), potential.layout.exchangeable)
    assert potential.form is not None
    energy = WhitenedEnergy(potential, whitening, RowsEnergy(potential.form))(z)
    traced = -potential._log_density(z, potential.batch, rows=True)
    found, expected = torch.autograd.grad(energy, z)[0], torch.autograd.grad(traced, z)[0]
    assert float(energy.detach()) == pytest.approx(float(traced.detach()), rel=1e-9)
    assert float((found - expected).norm()) < 1e-6 * float(expected.norm())


def bent(how: Callable[[Tensor], Tensor]) -> Callable[[Any], Callable[[Batch], Any]]:
    def of(model: Any) -> Callable[[Batch], Any]:
        original = model.linear_form

        def wrong(batch: Batch) -> Any:
            form = original(batch)
            return replace(form, density=lambda eta: form.density(how(eta)))

        return wrong

    return of


@pytest.mark.parametrize("name", ["labels", "everything", "several"])  # without labels γμ is the same with its factors exchanged
@pytest.mark.parametrize(
    "how",
    [lambda eta: eta * (1 + 1e-4), lambda eta: torch.cat([eta[1:2], eta[:1], eta[2:]])],
    ids=["stretched", "reward and propensity in the wrong places"],
)
def test_a_wrong_density_is_noticed(name: str, how: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the two tests above."""
    potential = potential_of(SETTINGS[name])
    monkeypatch.setattr(potential.model, "linear_form", bent(how)(potential.model))
    z = 0.5 * torch.randn(potential.layout.size).double()
    found, exact = potential.curvature(z), potential._arrow(z, rows=True)
    size = float(torch.cat([part.flatten() for part in exact]).abs().max())
    assert float((found[2] - exact[2]).abs().max()) > 1e-6 * max(1.0, size)
    form = potential.model.linear_form(potential.batch)
    assert form is not None
    values = potential.layout.constrain(z)
    density = float(form.density(form.predictors(values, values.get("user_activity"))).sum())
    traced = float(potential._log_density(z, potential.batch, rows=True))
    assert abs(density - float(potential.prior(z)) - traced) > 1e-5


def test_the_globals_of_a_trace_without_its_rows(setting: Setting) -> None:
    """The same sites, values and densities as those of the whole trace; the level's factor counts among them."""
    model, batch = build(setting), rows(setting)
    with torch.random.fork_rng(), model.marginalised():
        whole: Any = poutine.trace(model).get_trace(batch)
    with model.marginalised():
        short = trace_globals(model, batch)
    whole.compute_log_prob()
    short.compute_log_prob()
    assert list(global_latents(short)) == list(global_latents(whole))
    assert ("level" in short.nodes) == setting.level
    assert not {"rows", "action", "actions", "label", "comparison"} & set(short.nodes)
    for name, site in short.nodes.items():
        if site["type"] == "sample":
            assert torch.equal(site["value"], whole.nodes[name]["value"])
            assert torch.equal(site["log_prob_sum"], whole.nodes[name]["log_prob_sum"])


@pytest.mark.parametrize(
    "config",
    [
        {"reward_head": {"name": "mlp", "hidden": [4]}},
        {"action": {"false_rate": {"dist": "Beta", "concentration1": 1, "concentration0": 9}}},
    ],
    ids=["trunk", "false rate"],
)
def test_what_is_not_linear_has_no_form(config: dict[str, Any]) -> None:
    setting = Setting(config=config)
    assert build(setting).linear_form(rows(setting)) is None


def test_a_subclass_with_its_own_process_has_no_form() -> None:
    """Its rows may be something else than what the form says."""

    class Other(ImplicitModel):
        def forward(self, batch: Batch) -> None:
            super().forward(batch)

    assert Other(FULL).linear_form(rows(Setting())) is None
    assert ImplicitModel(FULL).linear_form(rows(Setting())) is not None


def test_trunks_that_are_trained_no_more_have_a_form() -> None:
    """Their features are a design like any other; float32 is for models without parameters of their own."""
    potential = potential_of(
        Setting(config={"reward_head": {"name": "mlp", "hidden": [4]}, "propensity_head": {"name": "mlp", "hidden": [3]}})
    )
    potential.model.double().requires_grad_(False)
    assert potential.form is not None
    z = 0.5 * torch.randn(potential.layout.size).double()
    traced = -float(potential._log_density(z, potential.batch, rows=True))
    assert float(potential(z)) == pytest.approx(traced, abs=1e-8)
    assert float(replace(potential, single=True)(z)) == pytest.approx(traced, abs=1e-8)
    for found, expected in zip(potential.curvature(z), potential._arrow(z, rows=True), strict=True):
        assert torch.allclose(found, expected, atol=1e-8)
