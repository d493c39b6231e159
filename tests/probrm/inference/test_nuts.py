"""NUTS against quadrature, where the posterior is far from normal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats
import torch

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout
from probrm.inference import NUTS, fit, newton_laplace
from probrm.inference.laplace.potential import Potential
from probrm.inference.nuts import _Chain, run_nuts
from probrm.model import RewardModel
from probrm.priors import HalfNormal, Normal

st = cast(Any, scipy.stats)  # its frozen distributions have no types

Make = Callable[..., RewardModel]


def test_two_weights_of_a_logistic_regression_on_eight_rows(regression: Make, simulated: Callable[..., Batch]) -> None:
    """1,000 draws: first two moments within 5 standard errors of a 401 × 401 grid (0 of 11 seeds fail)."""
    batch = simulated(8, 2, "logistic", scale=2.0, seed=3)
    x, y = batch["x"].double().numpy(), batch["y"].double().numpy()
    axis = np.linspace(-12, 12, 401)
    a, b = np.meshgrid(axis, axis, indexing="ij")
    eta = a[..., None] * x[:, 0] + b[..., None] * x[:, 1]
    log_p = (y * eta - np.logaddexp(0, eta)).sum(-1) + st.norm(0, 3).logpdf(a) + st.norm(0, 3).logpdf(b)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    fitted = fit(regression(2, "logistic", Normal(0.0, 3.0)), batch, inference=NUTS(draws=1000), starts=1)
    draws, size = fitted.draws["weights"].double().numpy(), fitted.statistics["min_effective_sample_size"]
    assert fitted.statistics["divergences"] < 20
    assert size > 150
    for i, grid in enumerate((a, b)):
        mean = (p * grid).sum()
        sd = np.sqrt((p * (grid - mean) ** 2).sum())
        kurtosis = (p * (grid - mean) ** 4).sum() / sd**4
        assert abs(draws[:, i].mean() - mean) < 5 * sd / np.sqrt(size)
        assert abs(draws[:, i].std() / sd - 1) < 5 * np.sqrt((kurtosis - 1) / 4 / size)


def test_a_scale_and_one_weight(regression: Make) -> None:
    """The funnel in small, ``w ~ N(0, s)``, ``s ~ HalfNormal(1)``, through the map that breathes: a wrong log-determinant shows here."""
    batch = Batch({"x": torch.ones(3, 1), "y": torch.tensor([1.2, 0.1, 0.9])}, 3)
    log_scale = np.linspace(-9, 3, 1201)[:, None]
    w = np.linspace(-3, 4, 1401)
    s = np.exp(log_scale)
    log_p = st.norm(w[..., None], 0.7).logpdf(batch["y"].numpy()).sum(-1) + st.norm(0, s).logpdf(w) + st.halfnorm.logpdf(s) + log_scale
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    fitted = fit(regression(1, prior=Normal(0.0, HalfNormal(1.0))), batch, inference=NUTS(warmup=150, draws=400), starts=1, seed=2)
    size = fitted.statistics["min_effective_sample_size"]
    assert size > 30
    for name, values in (("weights", w + 0 * s), ("weights_scale", s + 0 * w)):
        mean = (p * values).sum()
        sd = np.sqrt((p * (values - mean) ** 2).sum())
        assert abs(float(fitted.draws[name].mean()) - mean) < 5 * sd / np.sqrt(size), name


def test_what_a_nuts_fit_gives(regression: Make, simulated: Callable[..., Batch]) -> None:
    fitted = fit(regression(3), simulated(60, 3), inference=NUTS(warmup=50, draws=30), starts=2)
    assert fitted.guide is None
    assert fitted.chains == 2
    assert fitted.draws["weights"].shape == (30, 3)
    assert fitted.draws["weights"].dtype == torch.float32
    assert set(fitted.statistics) == {"divergences", "min_effective_sample_size", "max_r_hat"}
    assert fitted.history.steps == 0
    assert set(fitted.seconds) == {"starts", "inference"}


def test_a_seed_repeats_the_chain(regression: Make, simulated: Callable[..., Batch]) -> None:
    first, second, other = (
        fit(regression(3), simulated(60, 3), inference=NUTS(warmup=50, draws=30), starts=1, seed=seed).draws["weights"]
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_chain_that_stands_still_is_told() -> None:
    """A density that is zero everywhere but at the start: 30 equal draws would pass for certainty."""
    start = torch.zeros(2).double()
    chain = _Chain(lambda whitened: torch.where(whitened.abs().sum() > 0, torch.inf, 0.0 * whitened.sum()), start, 20, 1.0)
    with pytest.raises(TrainingError, match="none of its 30 steps") as caught:
        chain.run(30, lambda: None)
    assert "warmup=300" in caught.value.fix


def test_what_is_noted_of_each_draw(regression: Make, simulated: Callable[..., Batch]) -> None:
    """Energy is potential and kinetic energy: over draws of a normal posterior the kinetic part has mean D / 2 and variance D / 2.

    5 standard errors of 400 independent momenta; ``lp`` differs from the log density in the latents' own coordinates by a constant.
    """
    batch, model = simulated(60, 3), regression(3)
    layout = Layout.of(model, batch)
    start = newton_laplace(model, batch, layout)
    torch.manual_seed(0)
    chains = run_nuts(model, batch, layout, start.coordinates, NUTS(warmup=60, draws=399, chains=2, thin=1))
    stats = chains.sample_stats
    assert {name: len(value) for name, value in stats.items()} == dict.fromkeys(
        ("diverging", "energy", "lp", "n_steps", "tree_depth", "acceptance_rate", "step_size"), 400
    )
    lp = -torch.stack([Potential(model, layout, batch.to(dtype=torch.float64))(w.double()) for w in chains.draws["weights"]])
    shift = stats["lp"] - lp
    assert float(shift.std()) < 1e-3
    before = torch.cat([stats["lp"][:199], stats["lp"][200:399]])  # a draw's momentum is added where the last one ended
    kinetic = torch.cat([stats["energy"][1:200], stats["energy"][201:]]) + before
    assert float(kinetic.mean()) == pytest.approx(1.5, abs=5 * (1.5 / 398) ** 0.5)
    assert bool((kinetic > 0).all())
    assert bool((2 ** stats["tree_depth"] > stats["n_steps"]).all())
    assert bool((stats["acceptance_rate"] <= 1.0 + 1e-6).all())
    assert float(stats["acceptance_rate"].min()) > 0.99  # a split step is exact where the posterior is normal
    assert float(stats["step_size"].min()) == float(stats["step_size"].max()) == pytest.approx(torch.pi / 2)  # one step a trajectory
    assert not bool(stats["diverging"].any())


def test_chains_begin_in_different_places_and_agree(regression: Make, simulated: Callable[..., Batch]) -> None:
    fitted = fit(regression(3), simulated(60, 3), inference=NUTS(warmup=60, draws=400, chains=4), starts=1)
    assert fitted.chains == 4
    first = fitted.draws["weights"][::100]
    assert len(first.unique(dim=0)) == 4
    assert fitted.statistics["max_r_hat"] < 1.05
    assert fitted.statistics["min_effective_sample_size"] > 150


def test_nuts_over_the_last_layer_of_a_trunk() -> None:
    """The trunk's parameters are float32, the sampler works in float64."""
    from probrm.recipes.logs.shape import LogShape
    from probrm_models.implicit.config import ImplicitConfig
    from probrm_models.implicit.model import ImplicitModel

    n = 100
    columns = {
        "embedding": torch.randn(n, 3),
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": torch.randn(n, 1),
        "user": torch.zeros(n, dtype=torch.long),
        "action": (torch.rand(n) < 0.3).float(),
        "label": torch.full((n,), float("nan")),
        "weight": torch.ones(n),
    }
    model = ImplicitModel(LogShape(3, (), ("c",)), ImplicitConfig.from_dict({"reward_head": {"name": "mlp", "hidden": [4]}}))
    rows = Batch(columns, n)
    fitted = fit(
        model, rows.subset(torch.arange(80)), held_out=rows.subset(torch.arange(80, n)), inference=NUTS(warmup=50, draws=10), starts=1
    )
    assert fitted.draws["reward_weights"].shape == (10, 4)
    assert next(fitted.model.parameters()).dtype == torch.float32
