"""Damped Newton steps whose curvature is used again while it still helps.

A curvature costs a matrix product of the rows with themselves, a gradient only products with a vector: near a mode, and on the way from
one mode to the next, several steps with an old curvature cost less than one with a new one (Shamanskii 1967).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from probrm.coordinates.whitening import Whitening
from probrm.errors import TrainingError
from probrm.inference.laplace.potential import Arrow, Potential

SKETCH = 100_000
"""Rows whose curvature, multiplied in float32, stands for that of all on the way to a mode; gradients are those of all rows."""
_AGAIN = 0.3
"""A curvature is used again while a step's gain is at most this share of the one before."""
_LIGHT = 1e-3
"""Damping, in units of the mean curvature, from which on the next step does without any."""
_HOPELESS = 1e12
"""Damping at which no step is left."""
_UNSEEN = 30
"""Steps in a row whose gain cannot be seen, after which the way ends although damping is left: twice as many as the heaviest takes to go."""
_ROUNDING = 1e-13, 1e-8
"""Of a potential, relative, in float64 and in float32: a smaller fall cannot be seen."""


class Descent:
    """A way downhill over all coordinates but the scales of priors.

    Args:
        potential: what falls.
        z: the place to begin at, ``(D,)``, float64.
        hyper: which coordinates are scales.
        rows: the likelihood's curvature at a place nearby, to begin with; None works it out here.

    Attributes:
        z: the present place.
        value: of the potential there.
        rows: the likelihood's curvature where it was worked out last.
        curvature: the same with the prior's at the present scales.
        rough: whether it was from some of the rows, in low precision.
        moved: nats of descent since then; infinite where it came from elsewhere.

    Raises:
        TrainingError: the potential is not finite there.
    """

    def __init__(self, potential: Potential, z: Float[Tensor, " D"], hyper: Bool[Tensor, " D"], rows: Arrow | None = None) -> None:
        self.potential, self.hyper, self.z = potential, hyper, z
        self.value, self.gradient = finite(*potential.gradient(z))
        self.damping, self.moved, self.rough = 0.0, math.inf, True
        self.rows: Arrow
        self.curvature: Arrow
        self.inverse: Whitening
        self._floor = _ROUNDING[potential.single] * max(1.0, abs(float(self.value)))
        if rows is None:
            self.bend(SKETCH)
        else:
            self.rows = rows
            self._with_prior()

    def bend(self, rows: int | None = SKETCH) -> None:
        """Works the curvature out here, from the first ``rows`` rows or from all."""
        self.rows, self.moved = self.potential.rows_curvature(self.z, rows), 0.0
        self.rough = rows is not None
        self._with_prior()

    def _with_prior(self) -> None:
        prior = self.potential.prior_curvature(self.z)
        self.curvature = self.rows[0] + prior[0], self.rows[1] + prior[1], self.rows[2] + prior[2]
        self._factorise()

    def rescale(self, step: Float[Tensor, " K"]) -> None:
        """Moves the scales of the priors, and with them the prior's part of the curvature."""
        self.z = self.z.masked_scatter(self.hyper, self.z[self.hyper] + step)
        self.value, self.gradient = finite(*self.potential.gradient(self.z))
        self.damping = 0.0
        self._with_prior()

    def down(self, tolerance: float, max_steps: int = 500) -> None:
        """Steps until the next one would gain less than ``tolerance`` nats, or less than can be seen.

        Raises:
            TrainingError: no positive definite curvature was found.
        """
        last, unseen = math.inf, 0
        for _ in range(max_steps):
            step = self.inverse(self.inverse.transpose(self.gradient.masked_fill(self.hyper, 0.0)))
            gain = float(step @ self.gradient)
            unseen = unseen + 1 if gain < self._floor else 0
            if (gain < max(tolerance, self._floor) and self.damping == 0.0) or unseen > _UNSEEN:
                return
            if gain > _AGAIN * last and self.moved > 0:
                last = math.inf
                self.bend()
                continue
            proposal = self.z - step
            value, gradient = self.potential.gradient(proposal)
            if torch.isfinite(value) and value <= self.value - 1e-4 * gain + self._floor:
                self.z, self.value, self.gradient, last = proposal, value, gradient, gain
                self.moved += gain
                if self.damping:
                    self.damping = self.damping / 10 if self.damping > _LIGHT * self._weight() else 0.0
                    last = math.inf
                    self.bend()
            elif self.moved > 0:
                self.bend()
            elif gain < self._floor or not self._damp():
                return

    def _weight(self) -> float:
        return float(self.curvature[2].diagonal().abs().mean())

    def _damp(self) -> bool:
        """More damping; False where there is no step left."""
        self.damping = max(10 * self.damping, 1e-3 * self._weight())
        if self.damping <= _HOPELESS:
            self._factorise()
        return self.damping <= _HOPELESS

    def _factorise(self) -> None:
        if not math.isfinite(self._weight()):  # no damping would help
            raise TrainingError(
                "the log density of the model has no finite curvature where the Newton–Laplace start looks",
                fix="scale the model's inputs (weights over an embedding by 1/√d), or give the weights a tighter prior",
            )
        while True:
            try:
                self.inverse = Whitening(torch.zeros_like(self.z), *without_scales(self.curvature, self.hyper, self.damping))
                return
            except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
                self.damping = max(10 * self.damping, 1e-3 * self._weight())
            if not self.damping <= _HOPELESS:
                raise TrainingError(
                    "no positive definite curvature was found for the Newton–Laplace start", fix="give the weights a tighter prior"
                )


def finite(value: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """A potential and its gradient, as they are.

    Raises:
        TrainingError: they are not finite.
    """
    if not torch.isfinite(value) or not torch.isfinite(gradient).all():
        raise TrainingError(
            f"the log density of the model is {float(value)} at the start of the fit",
            fix="look for extreme covariates; an action on an answer with label 0 is impossible unless action.false_rate > 0",
        )
    return value, gradient


def without_scales(curvature: Arrow, hyper: Bool[Tensor, " D"], damping: float = 0.0) -> Arrow:
    """The curvature with the scales cut loose (unit precision, no coupling) and ``damping`` on the rest."""
    diagonal, coupling, dense = curvature
    loose = hyper[len(diagonal) :]
    coupling = coupling.masked_fill(loose, 0.0)
    dense = dense.masked_fill(loose, 0.0).masked_fill(loose[:, None], 0.0) + torch.diag(torch.where(loose, 1.0, damping))
    return diagonal + damping, coupling, dense
