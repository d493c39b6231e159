"""NUTS whose steps are exact for a standard normal posterior: what coordinates whitened by the Laplace approximation come close to.

Split Hamiltonian Monte Carlo (Shahbaba, Lan, Johnson & Neal 2014, arXiv 1106.5941): the energy is ``(|ε|² + |p|²) / 2``, whose motion is
a rotation of ``(ε, p)``, plus a rest ``U(ε) − |ε|² / 2``, which only changes momenta. A leapfrog step errs with all of ``U``; a split step
errs with what the Laplace approximation missed, so it can be several times as long. The states it visits are weighted as in any
NUTS (Hoffman & Gelman 2014, Betancourt 2017), so the draws are those of the posterior however rough the approximation is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float
from pyro.infer import NUTS as PyroNUTS
from pyro.infer.mcmc.nuts import _TreeInfo
from pyro.ops.integrator import potential_grad
from torch import Tensor

SITE = "whitened"
"""The one site of the kernel."""
QUARTER = math.pi / 2
"""The angle after which a standard normal coordinate, and its square, are independent of where they started."""
_DEEPEST = 10
"""Pyro's own bound on doublings."""
Point = dict[Any, Tensor]


class SplitNUTS(PyroNUTS):
    """Pyro's NUTS on one site, with split steps; where these can be long, trees end after a quarter turn on average.

    A step is an angle. A tree doubled ``k`` times moves a draw by about ``2^(k−1)`` steps. Pyro's own trees grow until the trajectory turns
    back, which for normal coordinates is half a turn: there squares of coordinates are what they were before, and tails mix slowly. So where
    one or two doublings make a quarter turn, they end there. Where the warm-up finds that steps must be shorter, the posterior is far from
    normal, some directions are wider than they seemed, and trees grow until they turn back.

    Args:
        energy: from ``{"whitened": (D,)}`` to the potential energy in nats, float64.
        step: the angle that the warm-up starts from, in radians.
        target: the acceptance probability that the warm-up tunes the angle to.
    """

    kinetic: Any
    """Kinetic energy at the start of the last trajectory."""

    def __init__(self, energy: Callable[[Point], Tensor], step: float, target: float) -> None:
        first = cast(Any, step)  # Pyro's default is 1, an int to a type checker
        super().__init__(potential_fn=energy, step_size=first, adapt_mass_matrix=False, target_accept_prob=target)

    def sample(self, params: Point) -> Point:
        """The next state. Angle and depth depend on the warm-up alone, so that the draws after it are of one Markov chain."""
        angle = min(float(self.step_size), QUARTER)
        doublings = next((k for k in (1, 2) if angle * 2 ** (k - 1) >= QUARTER), _DEEPEST)
        if self._t >= cast(int, self._warmup_steps) and doublings < _DEEPEST:
            # Not longer than a quarter turn needs: smaller errors at the same cost.
            angle = QUARTER / 2 ** (doublings - 1)
        self._adapter.step_size, self._max_tree_depth = angle, doublings
        return super().sample(params)

    def _find_reasonable_step_size(self, z: Point) -> float:
        return self.step_size  # angles have a natural scale: no search is needed

    def _sample_r(self, name: str) -> Any:
        scaled, unscaled = super()._sample_r(name)
        self.kinetic = self._kinetic_energy(unscaled)
        return scaled, unscaled

    def _build_basetree(self, z: Point, r: Point, z_grads: Point, log_slice: Tensor, direction: int, energy_current: Tensor) -> Any:
        """Pyro's, but for the step."""
        angle = float(self.step_size) if direction == 1 else -float(self.step_size)
        place, momentum, value, slope = split_step(self._value_and_gradient, z[SITE], r[SITE], z_grads[SITE], angle)
        energy = value + 0.5 * momentum.dot(momentum)
        energy = torch.where(energy.isnan(), torch.inf, energy)
        change = energy + log_slice
        at, moving, moved, slopes = {SITE: place}, {SITE: momentum}, {(SITE,): momentum}, {SITE: slope}
        accepted = (energy_current - energy).exp().clamp(max=1.0)
        end = (at, moving, moved, slopes)
        diverging = bool(change > self._max_sliced_energy)
        return _TreeInfo(*end, *end, at, value, slopes, moved, -change, False, diverging, accepted, 1)

    def _value_and_gradient(self, place: Float[Tensor, " D"]) -> tuple[Tensor, Float[Tensor, " D"]]:
        slopes, value = potential_grad(self.potential_fn, {SITE: place})
        return value, slopes[SITE]


def split_step(
    energy: Callable[[Tensor], tuple[Tensor, Tensor]],
    place: Float[Tensor, " D"],
    momentum: Float[Tensor, " D"],
    slope: Float[Tensor, " D"],
    angle: float,
) -> tuple[Float[Tensor, " D"], Float[Tensor, " D"], Tensor, Float[Tensor, " D"]]:
    """Half a kick by the rest ``∇U − ε``, a rotation by ``angle``, half a kick; keeps volumes, and goes back with ``−angle``.

    Args:
        energy: from a place to ``U`` and ``∇U`` there.
        place: ``ε``.
        momentum: ``p``.
        slope: ``∇U`` at the place.
        angle: in radians.

    Returns:
        Place and momentum after the step, and ``U`` and ``∇U`` there.
    """
    momentum = momentum - 0.5 * angle * (slope - place)
    cos, sin = math.cos(angle), math.sin(angle)
    place, momentum = cos * place + sin * momentum, cos * momentum - sin * place
    value, slope = energy(place)
    return place, momentum - 0.5 * angle * (slope - place), value, slope
