"""Laplace's approximation and NUTS over the globals of the variational reward model, against the exact posterior of a small problem."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_expit

from probrm.config import build_config
from probrm.data import Batch
from probrm.guides import Layout, guide_config
from probrm.inference import NUTS, Laplace
from probrm.inference.densities import draws_and_density
from probrm.runs import Run
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.global_inference import fit_globals, global_densities
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.recipe import VRMRecipe
from probrm_models.vrm.warm_start.initialise import build_guide
from tests import pair_support, support, vrm_rows

RECIPE = VRMRecipe()
PRIORS = {"shared": {"dist": "Normal", "scale": 1.5}, "residual": {"dist": "HalfNormal", "scale": 1.0}}


def small(n: int = 200) -> tuple[VRMModel, Batch]:
    """One column, one objective, responses in one pair each; v = 1.5, τ = 0.8."""
    draw = torch.Generator().manual_seed(0)
    h = 2 * torch.randn(n, 2, 1, generator=draw)
    reward = 1.5 * h[..., 0] + 0.8 * torch.randn(n, 2, generator=draw)
    won = (torch.rand(n, generator=draw) < torch.sigmoid(reward[:, 0] - reward[:, 1])).float()
    index = torch.arange(2 * n)
    columns = {"prompt": torch.randn(n, 1, generator=draw), "chosen": h[:, 0], "rejected": h[:, 1], "outcome": won, "weight": torch.ones(n)}
    rows = Batch(columns | {"prompt_index": index[:n], "chosen_index": index[:n], "rejected_index": index[n:]}, n)
    return VRMModel(VRMShape(1, 1, ("a",)), VRMConfig.from_dict({"priors": PRIORS})), rows


def log_posterior(v: np.ndarray, log_tau: np.ndarray, rows: Batch) -> np.ndarray:
    """Up to a constant, in ``(v, log τ)``; the likelihood by 40 nodes of its own."""
    gap, sign = (rows["chosen"] - rows["rejected"])[:, 0].double().numpy(), 2 * rows["outcome"].double().numpy() - 1
    z, mass = np.polynomial.hermite_e.hermegauss(40)
    log_mass = np.log(mass / mass.sum())
    found = stats.norm.logpdf(v, 0, 1.5) + stats.halfnorm.logpdf(np.exp(log_tau)) + log_tau
    for i, one in np.ndenumerate(v):
        d = one * gap[:, None] + np.exp(log_tau[i]) * 2**0.5 * z
        found[i] += np.logaddexp.reduce(log_expit(sign[:, None] * d) + log_mass, axis=1).sum()
    return found


@functools.cache
def exact() -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of v and log τ on a grid."""
    v, log_tau = np.meshgrid(np.linspace(0.3, 4.5, 40), np.linspace(-6, 1.5, 40))
    density = log_posterior(v, log_tau, small()[1])
    mass = np.exp(density - density.max())
    mass /= mass.sum()
    assert mass[[0, -1]].sum() + mass[:, [0, -1]].sum() < 2e-3  # nothing of it lies outside
    found = {}
    for name, value in (("shared", v), ("residual", log_tau)):
        mean = float((mass * value).sum())
        found[name] = mean, float((mass * (value - mean) ** 2).sum()) ** 0.5
    return found


def unconstrained(draws: dict[str, torch.Tensor], name: str) -> np.ndarray:
    value = draws[name].double().flatten().numpy()
    return np.log(value) if name == "residual" else value


def test_nuts_draws_from_the_exact_posterior() -> None:
    """Means within 5 standard errors of some 100 independent draws, deviations within 25 %; Bradley–Terry's answer is elsewhere."""
    model, rows = small()
    found = fit_globals(model, rows, inference=NUTS(chains=1, warmup=80, draws=250), device="cpu")
    for name, (mean, sd) in exact().items():
        draws = unconstrained(found.draws, name)
        assert draws.mean() == pytest.approx(mean, abs=5 * sd / 100**0.5), name
        assert draws.std() == pytest.approx(sd, rel=0.25), name
    v = np.linspace(0.3, 4.5, 100)
    without = log_posterior(v, np.full_like(v, -20.0), rows)
    weights = np.exp(without - without.max())
    assert abs((weights * v).sum() / weights.sum() - exact()["shared"][0]) > 0.3 * exact()["shared"][1]


def test_laplace_is_near_it() -> None:
    """The posterior of log τ has a long tail to the left, so its mode is above its mean."""
    model, rows = small()
    found = fit_globals(model, rows, inference=Laplace(draws=4000), device="cpu")
    for name, (mean, sd) in exact().items():
        draws = unconstrained(found.draws, name)
        assert draws.mean() == pytest.approx(mean, abs=0.7 * sd), name
        assert draws.std() == pytest.approx(sd, rel=0.4), name


def test_densities_of_svis_guide_are_those_of_posterior_and_guide() -> None:
    """The posterior's up to one constant; the guide's as its own draws have it."""
    model, rows = small(60)
    torch.manual_seed(3)
    guide = build_guide(model, vrm_rows.shared(rows), guide_config("full-rank"))
    z, log_guide = draws_and_density(guide, guide.layout, rows, 30)
    draws = guide.layout.constrain(z)
    found = global_densities(model, guide, rows, draws)
    assert found is not None
    assert log_guide is not None
    torch.testing.assert_close(found[1], log_guide.double(), atol=1e-3, rtol=0)
    tau = draws["residual"].double().log().numpy()
    ours = log_posterior(draws["shared"][:, 0].double().numpy(), tau, rows)
    gap = found[0].numpy() - ours
    np.testing.assert_allclose(gap, gap.mean(), atol=1e-3)
    assert ours.std() > 0.1
    assert model.form == "latent"


@pytest.mark.parametrize(
    ("objectives", "settings"),
    [
        (2, {}),
        (1, dict(vrm_rows.STANDARD)),
        (2, {"weights": {"prior": "standard"}}),
        (1, {"divergence": {"weight": 0.5}}),
        (1, {"responses": 3}),
    ],
    ids=str,
)
def test_there_are_none_where_the_marginal_form_is_not_what_svi_bounds(objectives: int, settings: dict[str, Any]) -> None:
    settings = dict(settings)
    rows = vrm_rows.pairs(8, responses=settings.pop("responses", 8))
    model = vrm_rows.model(objectives, **settings)
    guide = build_guide(model, vrm_rows.shared(rows), guide_config("auto-normal"))
    assert global_densities(model, guide, rows, guide.draws(3)) is None


def test_a_point_has_none() -> None:
    model, rows = small(20)
    guide = build_guide(model, vrm_rows.shared(rows), guide_config("delta"))
    assert global_densities(model, guide, rows, guide.draws(3)) is None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pairs") / "pairs.parquet"
    pair_support.pair_frame(150).to_parquet(path)
    return str(path)


def run_of(path: str, *sets: str) -> Run:
    with support.environment(), vrm_rows.few_steps():
        return RECIPE.fit(path, build_config(RECIPE, sets=("model.objectives=2", *sets)), embeddings=pair_support.store_path())


@pytest.fixture(scope="module")
def laplace(path: str) -> Run:
    return run_of(path, "inference.name=laplace", "inference.draws=300")


def test_a_fit_by_laplace_has_all_that_one_by_svi_has(laplace: Run, path: str) -> None:
    assert set(laplace.draws) == {"shared", "contrasts", "gate", "residual"}
    assert laplace.draws["shared"].shape == (300, 6)
    found = laplace.metrics["diagnostics"]
    assert found["held_out_log_likelihood"] > -0.6
    assert found["steps"] > 0
    assert laplace.history["records"]
    assert any("laplace: pairs of one prompt are taken for independent" in note for note in laplace.record["notes"])
    lines = RECIPE.headline(laplace)
    assert [line.split(":")[0] for line in lines][1:3] == ["objective weights across prompts, mean ± sd", "latents in use"]
    svi = run_of(path, "inference.max_steps=600")
    with support.environment():
        tables = [
            RECIPE.score(run, pair_support.other_path(), RECIPE.read_spec(run.config["data"]), embeddings=pair_support.store_path())[0]
            for run in (laplace, svi)
        ]
    one, other = (np.array(table["p_chosen"]) for table in tables)
    assert np.corrcoef(one, other)[0, 1] > 0.95


def test_the_same_seed_gives_the_same_bits(laplace: Run, path: str) -> None:
    again = run_of(path, "inference.name=laplace", "inference.draws=300")
    assert torch.equal(again.draws["shared"], laplace.draws["shared"])


def test_a_refit_keeps_the_networks_and_the_run(laplace: Run) -> None:
    assert isinstance(laplace.model, VRMModel)
    rows = vrm_rows.pairs(40)
    columns = dict(rows.columns) | {name: torch.randn(40, 6) for name in ("prompt", "chosen", "rejected")}
    before = {name: value.clone() for name, value in laplace.model.state_dict().items()}
    again = RECIPE.refit(laplace, Batch(columns, 40), inference="laplace")
    assert set(again.draws) == set(laplace.draws)
    assert again.model is not laplace.model
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(laplace.model.state_dict()[name], before[name])
    assert Layout.of(laplace.model, Batch(columns, 40)).size == 2 * 6 + 7 + 1
