"""Every model on a GPU that is not there: no operation on tensors of two devices, no host that waits within a step of SVI, and whole
fits that give what they give on the CPU. What waits all the same is listed with the reason, and has to wait."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from torch.utils._python_dispatch import _disable_current_modes

from probrm.actions import Click
from probrm.coordinates.path_following import PathFollowing
from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.guides.registry import Amortised, AutoNormal
from probrm.heads import HeadConfig
from probrm.inference import NUTS, SVI, Fitted, Laplace, fit
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.priors import Beta, Gamma, HalfCauchy, Horseshoe, Normal, StudentT
from probrm.priors import Laplace as LaplacePrior
from probrm.recipes.logs.shape import LogShape
from probrm.recipes.pairs.shape import PairShape
from probrm_models.baselines import BaselineConfig, fit_baseline
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors
from probrm_models.bradley_terry.model import BradleyTerryModel
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.fit import fit_implicit
from probrm_models.implicit.identifiability.base_rate import LevelCorrection
from probrm_models.implicit.naive import NaiveModel
from probrm_models.vrm.global_inference import fit_globals
from probrm_models.vrm.row_guide import with_shares
from probrm_models.vrm.warm_start.initialise import build_guide as build_vrm_guide
from tests import fake_rows, vrm_rows
from tests.fake_cuda import DEVICE, DevicesDiffer, HostWaits, accept_any_device, no_waiting, noting, outcomes
from tests.fake_rows import FOUR, Step, compared_rows, guided, implicit, repeat, several_rows

NAME = "tests.probrm_models.test_fake_cuda"
MLP = HeadConfig("mlp", (8, 4))
_ONE_ACTION = (FOUR[0],)


def with_level() -> Step:
    """The implicit model as it is fitted: the level's evidence taken out, coordinates along the base rate's path."""
    model, batch = implicit()
    layout, grid = Layout.of(model, batch), torch.linspace(-3, 3, 9, dtype=torch.float64, device="cpu")
    model.level = LevelCorrection(grid, -grid.square())
    place = next(site.flat.start for site in layout.sites if site.name == "base_rate")
    whole = guided(model, batch)
    knots = torch.linspace(-2, 2, 5)
    rest = guided_rest(layout.size)
    whole.guide.coordinates = PathFollowing(rest, place, 0.0, 1.0, knots, torch.zeros(5, layout.size - 1))
    return whole


def guided_rest(size: int) -> Any:
    from probrm.guides import Whitening

    return Whitening.diagonal(torch.zeros(size - 1), torch.ones(size - 1))


def of_weights(prior: Any) -> ImplicitConfig:
    return ImplicitConfig(priors=ImplicitPriors(weights=prior))


def naive() -> Step:
    _, batch = implicit()
    return guided(NaiveModel(fake_rows.SHAPE).to(DEVICE), batch)


def vrm(guide: Any = None, elbo: tuple[float, int, float] = (1.0, 0, 0.0), **settings: Any) -> Step:
    batch = vrm_rows.shared(vrm_rows.pairs(32)).to(DEVICE)
    with torch.device("cpu"):
        model = vrm_rows.model(2, **settings)
    model.to(DEVICE)
    return Step(model, build_vrm_guide(model, batch, guide or AutoNormal()).to(DEVICE), batch, LocalKLELBO(*elbo))


PUBLISHED = {**vrm_rows.STANDARD, "weights": {"prior": "standard"}}
STEPS: dict[str, Callable[[], Step]] = {
    "implicit": with_level,
    "implicit, full-rank": lambda: guided(*implicit(), guide="full-rank"),
    "implicit, delta": lambda: guided(*implicit(), guide="delta"),
    "implicit, trunks": lambda: guided(*implicit(ImplicitConfig(reward_head=MLP, propensity_head=MLP, share_embedding=True))),
    "implicit, errors": lambda: guided(*implicit(ImplicitConfig(action=Click(false_rate=0.02, miss_rate=0.1)))),
    "implicit, learned errors": lambda: guided(*implicit(ImplicitConfig(action=Click(false_rate=Beta(1.0, 20.0))))),
    "prior Laplace": lambda: guided(*implicit(of_weights(LaplacePrior(0.0, Gamma(2.0, 2.0))))),
    "prior Horseshoe": lambda: guided(*implicit(of_weights(Horseshoe()))),
    "prior of the user's own": lambda: guided(*implicit(of_weights(_made_on_the_cpu()))),
    "several actions": lambda: guided(*implicit(ImplicitConfig(action=Click(false_rate=0.02)), several_rows(), FOUR)),
    "comparisons": lambda: guided(*implicit(None, compared_rows(), _ONE_ACTION)),
    "naive": naive,
    "bradley-terry": lambda: guided(*fake_rows.bradley_terry()),
    "bradley-terry, trunk": lambda: guided(*fake_rows.bradley_terry(BradleyTerryConfig(head=MLP))),
    "deterministic": lambda: guided(*fake_rows.bradley_terry(), guide="delta"),
    "vrm": vrm,
    "vrm, warm-up and free bits": lambda: vrm(elbo=(1.0, 5, 0.1)),
    "vrm, amortised": lambda: vrm(Amortised()),
    "vrm, published": lambda: vrm(**PUBLISHED),
    "vrm, network": lambda: vrm(**vrm_rows.MLP, weights={"prior": "standard", "family": "logistic-normal", "hidden": [4]}),
}
WAITING: dict[str, tuple[Callable[[], Step], str]] = {
    "low-rank": (
        lambda: guided(*implicit(), guide="low-rank"),
        "_linalg_check_errors",
    ),  # torch's density factors a small matrix, and checks
    "amortised": (lambda: guided(*implicit(), guide="amortised"), "_local_scalar_dense"),  # Pyro's enumerated bound skips zeros
    "enumerated": (lambda: guided(*implicit(ImplicitConfig(form="enumerated"))), "_local_scalar_dense"),  # the same bound
    "prior StudentT": (lambda: guided(*implicit(of_weights(StudentT(4.0, 0.0, HalfCauchy(1.0))))), "_to_copy"),  # torch's χ² makes a ½
}
"""Steps that wait, and by what: each belongs to torch or Pyro, and is nobody's default."""


def _made_on_the_cpu() -> torch.distributions.Distribution:
    with torch.device("cpu"):
        return torch.distributions.Normal(0.0, 2.0)


def takes_steps(make: Callable[[], Step]) -> None:
    with torch.device(DEVICE), pyro.settings.context(module_local_params=True):
        step = make().stepper()
        with no_waiting():
            repeat(step)


def waits(make: Callable[[], Step], by: str) -> None:
    with torch.device(DEVICE), pyro.settings.context(module_local_params=True):
        step = make().stepper()
        with noting() as places:
            repeat(step)
    assert any(place.startswith(by) for place in places), places


# ---- whole fits, with everything that comes after them

QUICK = SVI(max_steps=8, eval_every=4, draws=50)


def compare(run: Callable[[str], Fitted]) -> None:
    """The fit on the CPU and on the fake device: the same posterior, and nothing of it left on the device."""
    accept_any_device()
    with _disable_current_modes():  # nothing to be watched on the CPU, and watching takes most of the time
        here = run("cpu")
    there = run(DEVICE)
    for name, draws in here.draws.items():
        other = there.draws[name]
        assert other.device.type == "cpu"
        assert float(((draws.mean(0) - other.mean(0)) / draws.std(0).clamp_min(1e-6)).abs().max()) < 1e-3, name
    kept = {*there.model.parameters(), *there.model.buffers()} | (
        {*there.guide.parameters(), *there.guide.buffers()} if there.guide else set()
    )
    assert {tensor.device.type for tensor in kept} <= {"cpu"}


def answers(n: int = 40) -> Batch:
    g = torch.Generator().manual_seed(0)
    embedding, covariate = torch.randn(n, 2, generator=g), torch.randn(n, 1, generator=g)
    liked = torch.rand(n, generator=g) < torch.sigmoid(2 * embedding[:, 0])
    action = (liked & (torch.rand(n, generator=g) < torch.sigmoid(1 + 2 * covariate[:, 0]))).float()
    columns = {
        "embedding": embedding,
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": covariate,
        "user": torch.arange(n) % 3,
    }
    label = torch.where(torch.arange(n) < 6, liked.float(), torch.nan)
    return Batch({**columns, "action": action, "label": label, "weight": torch.ones(n)}, n)


def fit_of_implicit(device: str) -> Fitted:
    shape = LogShape(2, (), ("p0",), tuple("abc"))
    settings = ImplicitConfig(assume=("base-rate=0.5±0.1",), priors=ImplicitPriors(user_activity=Normal(0.0, 1.0)))
    found = fit_implicit(answers(), shape, settings, held_out=np.arange(0, 40, 10), starts=2, device=device, inference=QUICK)
    assert found.identifiability["verdict"] == "identified"
    return found.fitted


TRUNK = BradleyTerryConfig(BradleyTerryPriors(weights=Normal(0.0, 1.0)), HeadConfig("mlp", (4, 2)))
"""Without a scale to estimate, which the linear fits do."""


def fit_of_pairs(device: str, inference: Any = QUICK, config: BradleyTerryConfig | None = None) -> Fitted:
    rows = fake_rows.pair_rows()
    held_out = rows.subset(torch.arange(8))
    model = BradleyTerryModel(PairShape(8, ties=True), config or BradleyTerryConfig())
    return fit(model, rows, held_out=held_out, inference=inference, starts=1, device=device)


def fit_of_vrm(device: str, **settings: Any) -> Fitted:
    def build(rows: Batch) -> tuple[Any, Any]:
        model = vrm_rows.model(2, **settings).to(rows["chosen"].device)
        return model, build_vrm_guide(model, rows, AutoNormal())

    rows = vrm_rows.pairs(32)
    held_out = rows.subset(torch.arange(24, 32))
    return fit_latent(
        build, rows.subset(torch.arange(24)), held_out=held_out, settings=QUICK, device=device, elbo=LocalKLELBO, prepare=with_shares
    )


def fit_of_vrm_globals(device: str) -> Fitted:
    torch.manual_seed(0)
    return fit_globals(vrm_rows.model(2), vrm_rows.pairs(32), device=device)


def baseline() -> None:
    """Baselines are fitted on the CPU by design, wherever their rows are."""
    shape, rows = LogShape(2, (), ("p0",), tuple("abc")), answers()
    held_out = np.arange(10)
    here, there = (
        fit_baseline("ips", data, shape, held_out=held_out, config=BaselineConfig(l2=(1.0,))) for data in (rows, rows.to(DEVICE))
    )
    assert all(torch.equal(value, there.draws[name]) for name, value in here.draws.items())


FITS: dict[str, Callable[[], None]] = {
    "implicit, whole fit": lambda: compare(fit_of_implicit),
    "bradley-terry, whole fit": lambda: compare(fit_of_pairs),
    "bradley-terry, trunk, whole fit": lambda: compare(partial(fit_of_pairs, config=TRUNK)),
    "bradley-terry, Laplace": lambda: compare(partial(fit_of_pairs, inference=Laplace(draws=50))),
    "bradley-terry, NUTS": lambda: compare(partial(fit_of_pairs, inference=NUTS(warmup=6, draws=6, chains=1))),
    "vrm, whole fit": lambda: compare(fit_of_vrm),
    "vrm, published, whole fit": lambda: compare(partial(fit_of_vrm, **PUBLISHED)),
    "vrm, globals by Laplace": lambda: compare(fit_of_vrm_globals),
    "ips": baseline,
}


# ---- that the tests can fail


class ConstantOnTheCpu(NaiveModel):
    def reward(self, values: Any, batch: Batch) -> Any:
        return super().reward(values, batch) + torch.ones(len(batch), device="cpu")


class AsksForAValue(NaiveModel):
    def reward(self, values: Any, batch: Batch) -> Any:
        return super().reward(values, batch) + float(batch["weight"].max())


class CopiesANumber(NaiveModel):
    def reward(self, values: Any, batch: Batch) -> Any:
        return super().reward(values, batch) + torch.tensor([1.0], device=batch["weight"].device)


def fails(model: type[NaiveModel], error: type[Exception]) -> None:
    _, batch = implicit()
    with torch.device(DEVICE), pyro.settings.context(module_local_params=True), pytest.raises(error):
        takes_steps(lambda: guided(model(fake_rows.SHAPE).to(DEVICE), batch))


CONTROLS: dict[str, Callable[[], None]] = {
    "a constant on the CPU": lambda: fails(ConstantOnTheCpu, DevicesDiffer),
    "a value asked for": lambda: fails(AsksForAValue, HostWaits),
    "a number copied": lambda: fails(CopiesANumber, HostWaits),
}

CASES: dict[str, Callable[[], None]] = {
    **{name: partial(takes_steps, make) for name, make in STEPS.items()},
    **{name: partial(waits, *what) for name, what in WAITING.items()},
    **FITS,
    **CONTROLS,
}


@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu_that_is_not_there(name: str) -> None:
    assert not outcomes(NAME)[name]
