"""Guides that users bring along: they work, or one message says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoDiagonalNormal, AutoMultivariateNormal, AutoNormal
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides import Layout, guide_draws
from probrm.guides.user_guide import adopt
from probrm.inference import SVI, fit
from probrm.model import RewardModel

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]


class Own(nn.Module):
    """A mean field of the user's own; ``site`` and ``size`` are what may be wrong with it."""

    def __init__(self, site: str = "weights", size: int = 3) -> None:
        super().__init__()
        self.site = site
        self.loc, self.log_scale = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.full((size,), -2.0))

    def forward(self, batch: Batch) -> None:
        pyro.sample(self.site, dist.Normal(self.loc, self.log_scale.exp()).to_event(1))


def in_units(draws: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    sd = cov.diagonal().sqrt()
    return ((draws.mean(0) - mean) / sd).abs(), draws.std(0) / sd


def test_a_module_reaches_the_posterior(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    """Within 0.3 sd and 15 %: a cold guide with noisy gradients, 1,000 draws (0 of 11 seeds fail)."""
    batch = simulated(200, 3)
    fitted = fit(regression(3), batch, guide=Own(), inference=SVI(learning_rate=0.05, eval_every=10), seed=1)
    shift, ratio = in_units(fitted.draws["weights"], *closed_form(batch)[:2])
    assert fitted.draws["weights"].shape == (1000, 3)
    assert float(shift.max()) < 0.3
    assert 0.85 < float(ratio.min()) <= float(ratio.max()) < 1.15


@pytest.mark.parametrize("auto", [AutoNormal, AutoDiagonalNormal, AutoMultivariateNormal])
def test_pyros_autoguides_train_and_leave_the_parameter_store_alone(auto: Any, regression: Make, simulated: Rows) -> None:
    batch, model = simulated(200, 3), regression(3)
    fitted = fit(model, batch, guide=auto(model), inference=SVI(max_steps=300, draws=50), seed=1)
    first, last = fitted.history.records[0]["elbo"], fitted.history.records[-1]["elbo"]
    assert fitted.draws["weights"].shape == (50, 3)
    assert last > first + 0.1
    assert not pyro.get_param_store()


def test_an_autoguide_of_a_constrained_hierarchical_model(two_rates: Make, rates_batch: Batch) -> None:
    """Its latents of the rows, too, are the user's business; the draws are the global sites alone."""
    model = two_rates(5, local=True)
    layout = Layout.of(model, rates_batch)

    class Global(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loc = nn.Parameter(torch.zeros(9))

        def forward(self, batch: Batch) -> None:
            z = pyro.sample("z", dist.Normal(self.loc, 0.1).to_event(1), infer={"is_auxiliary": True})
            for name, value in layout.constrain(z).items():
                pyro.sample(name, dist.Delta(value, event_dim=value.dim()))
            with pyro.plate("rows", len(batch), dim=-1):
                pyro.sample("local", dist.Normal(torch.zeros(len(batch)), 1.0))

    guide = Global()
    adopt(guide, layout, rates_batch)
    draws = guide_draws(guide, rates_batch, 7)
    assert {name: tuple(value.shape) for name, value in draws.items()} == {
        "effects": (7, 5),
        "rate": (7,),
        "slopes": (7, 2),
        "effects_scale": (7,),
    }


def plain(batch: Batch) -> None:
    loc = pyro.param("loc", torch.zeros(3))
    pyro.sample("weights", dist.Normal(loc, 0.1).to_event(1))


def test_a_plain_function_with_params_is_refused_and_leaves_nothing_behind(regression: Make, simulated: Rows) -> None:
    with pytest.raises(ConfigError, match="no parameters to train") as caught:
        fit(regression(3), simulated(60, 3), guide=plain)
    assert "torch.nn.Module" in caught.value.fix
    assert not pyro.get_param_store()


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (Own("wieghts"), "'weights' is missing; 'wieghts' is no site of the model"),
        (Own(size=2), r"'weights' has shape \(2,\), not \(3,\)"),
        (lambda batch: None, "'weights' is missing"),
    ],
    ids=["misspelt", "shape", "nothing"],
)
def test_sites_other_than_the_models_are_named(guide: Any, message: str, regression: Make, simulated: Rows) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        fit(regression(3), simulated(60, 3), guide=guide)
    assert "weights (3,)" in caught.value.fix
