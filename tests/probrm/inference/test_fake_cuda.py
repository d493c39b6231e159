"""Energies, curvatures, minibatches and scores on a GPU that is not there; what waits for the device is listed, and has to."""

from __future__ import annotations

import collections
from collections.abc import Callable
from functools import partial
from typing import Any

import pyro
import pytest
import torch
from pyro import poutine

from probrm.coordinates.layout import Layout
from probrm.guides import Whitening
from probrm.inference.densities import log_joint
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.potential import Potential, in_double
from probrm.inference.laplace.scales import estimate_scales, follow
from probrm.inference.svi.expansion import Expanded
from probrm.inference.svi.heldout import held_out_score, pointwise_log_predictive
from probrm.inference.svi.minibatches import Minibatches
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.implicit.config import ImplicitConfig
from tests import fake_rows
from tests.fake_cuda import DEVICE, HostWaits, no_waiting, noting, outcomes
from tests.fake_rows import FOUR, implicit, several_rows

NAME = "tests.probrm.inference.test_fake_cuda"
MODELS: dict[str, Callable[[], Any]] = {
    "implicit": implicit,
    "several": lambda: implicit(None, several_rows(), FOUR),
    "pairs": fake_rows.bradley_terry,
}


class _Place:
    """A potential on the device with a place in its space."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.model, self.batch = make()
        self.layout = Layout.of(self.model, self.batch)
        self.z = torch.full((self.layout.size,), 0.1, dtype=torch.float64)
        self.whitening = Whitening.diagonal(self.z, self.z + 1, self.layout.exchangeable)
        self.potential = Potential(in_double(self.model), self.layout, self.batch.to(dtype=torch.float64), normal=True)
        self.draws = self.layout.constrain(torch.zeros(5, self.layout.size))


def _energy(at: _Place) -> None:
    """That of NUTS, with its gradient."""
    epsilon = torch.zeros(at.layout.size, dtype=torch.float64, requires_grad=True)
    z = at.whitening(epsilon)
    torch.autograd.grad(at.potential(z) - at.whitening.log_det(z), epsilon)


def _expansion(at: _Place) -> None:
    """A minibatch against the expansion around a mode."""
    small = Expanded(at.model, at.batch, at.layout, at.z)
    values = at.layout.constrain(torch.zeros(at.layout.size))
    poutine.condition(small, data=values)(small.data.slice(0, 8))


PIECES: dict[str, Callable[[_Place], object]] = {
    "expansion": _expansion,
    "energy of NUTS": _energy,
    "gradient": lambda at: at.potential.gradient(at.z),
    "curvature": lambda at: at.potential.curvature(at.z),
    "prior": lambda at: at.potential.prior(at.z),
    "scales' exponents": lambda at: follow(at.potential, at.z, at.whitening.variance(), at.layout.hyper()),
    "whitened gradient": lambda at: at.whitening.inverse(at.z) + at.whitening.transpose(at.z),
    "densities of draws": lambda at: log_joint(at.model, at.layout, at.batch, torch.zeros(5, at.layout.size)),
    "likelihood of held-out rows": lambda at: pointwise_log_predictive(at.model, at.draws, at.batch),
    "reward": lambda at: at.model.reward(at.draws, at.batch),
}
WAITING: dict[str, tuple[Callable[[_Place], object], str]] = {
    "Newton steps": (lambda at: newton_laplace(at.model, at.batch, at.layout), "_local_scalar_dense in down"),  # whether one is accepted
    "factorising a curvature": (
        lambda at: Whitening(at.z, at.z[:0], at.z[None, :0].T, torch.eye(at.layout.size).double()),
        "_linalg_check",
    ),
    "the mode of the scales": (
        lambda at: estimate_scales(at.potential, at.z, at.whitening.variance(), at.layout.hyper()),
        "_local_scalar_dense in _em",  # whether it is reached
    ),
    "a score": (lambda at: held_out_score(at.model, at.draws, at.batch), "_local_scalar_dense in held_out_score"),  # a number to stop by
    "Pyro's trace of a trunk": (lambda at: _of_trunk().potential.gradient(_of_trunk().z), "_to_copy"),  # a plate's density is a number 0
}
"""What waits, and by what."""


def _of_trunk() -> _Place:
    from probrm.heads import HeadConfig

    return _Place(partial(fake_rows.bradley_terry, BradleyTerryConfig(head=HeadConfig("mlp", (8, 4)))))


def _piece(make: Callable[[], Any], piece: Callable[[_Place], object]) -> None:
    with torch.device(DEVICE):
        at = _Place(make)
        piece(at)  # constants of the model are there afterwards
        with pyro.validation_enabled(False), no_waiting():
            piece(at)


def _waits(piece: Callable[[_Place], object], by: str) -> None:
    with torch.device(DEVICE):
        at = _Place(MODELS["pairs"])
        with noting() as places:
            piece(at)
    assert any(place.startswith(by) for place in places), collections.Counter(places)


def _minibatches() -> None:
    """The host waits once, for the order of the rows, and never again."""
    with torch.device(DEVICE):
        batches = Minibatches(fake_rows.log_rows().to(DEVICE), 8, seed=0)
        with no_waiting(), pytest.raises(HostWaits):
            batches[0]
        first = batches[0]
        with no_waiting():
            assert all(len(batches[step]) == 8 for step in range(12))
    same = Minibatches(fake_rows.log_rows(), 8, seed=0)[0]
    assert all(torch.equal(column.nan_to_num(), first[name].cpu().nan_to_num()) for name, column in same.columns.items())


def _users() -> None:
    """Whether rows have users that the fit has not seen is looked up once for a data set, not in each minibatch."""
    with torch.device(DEVICE):
        model, batch = implicit(ImplicitConfig())
        values = Layout.of(model, batch).constrain(torch.zeros(2, Layout.of(model, batch).size))
        model.propensity(values, batch.slice(0, 4))
        with pyro.validation_enabled(False), no_waiting():
            model.propensity(values, batch.slice(8, 12))


CASES: dict[str, Callable[[], None]] = {
    **{f"{piece}, {model}": partial(_piece, make, PIECES[piece]) for model, make in MODELS.items() for piece in PIECES},
    **{name: partial(_waits, *what) for name, what in WAITING.items()},
    "minibatches": _minibatches,
    "users": _users,
}


@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu_that_is_not_there(name: str) -> None:
    assert not outcomes(NAME)[name]
