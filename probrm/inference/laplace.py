"""The Newton–Laplace start: the mode, the curvature there, and the scales of the priors by their evidence.

Weights are found by damped Newton steps with the priors' scales held fixed; the scales then move towards the mode of
their density given the weights' first two moments, and so on (the EM algorithm for a hierarchical prior, accelerated;
MacKay 1992). A prior that is not normal given its scales (Student-t, Laplace) is represented by a normal of like width:
at its mode it is more sharply curved than wide, and scales estimated from that curvature would shrink without end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides.breathing import Breathing
from probrm.guides.layout import Layout
from probrm.guides.whitening import Whitening
from probrm.inference.potential import Potential, in_double
from probrm.inference.scales import estimate_scales
from probrm.model import RewardModel
from probrm.progress import Progress, silent

MAX_ROWS = 50_000
"""Rows that stand for a larger log in a start, which SVI then corrects; a result of its own takes all rows."""
_ROUGH, _EXACT = 1e-2, 1e-9
"""Nats that Newton's next step would still gain: between rounds, and at the end."""
_BURST, _BURSTS, _WALKED = 8, 8, 5_000
"""Of a rough walk: Newton's steps between two looks, how many looks, and rows."""
_SETTLED = 0.2
"""Root mean square change of the scales, in their own standard deviations, at which the rounds end."""


@dataclass(frozen=True)
class LaplaceStart:
    """A mode and the Gaussian there.

    Attributes:
        coordinates: centred on the mode, scaled by the curvature; float64.
        potential: U at the mode, with the scales at their estimates.
        rounds: of the EM algorithm.
    """

    coordinates: Whitening | Breathing
    potential: float
    rounds: int


def newton_laplace(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    *,
    at: Float[Tensor, " D"] | None = None,
    spread: float = 0.0,
    generator: torch.Generator | None = None,
    max_rows: int = MAX_ROWS,
    max_rounds: int = 20,
    exact: float = _EXACT,
    progress: Progress = silent,
) -> LaplaceStart:
    """Finds a mode of the weights and the Laplace approximation around it.

    Args:
        model: linear heads.
        batch: the training rows.
        layout: of the model's global latents.
        at: the place to start from, unconstrained; None is the origin.
        spread: standard deviation of a random displacement of that place.
        generator: draws that place.
        max_rows: a larger batch is represented by its first ``max_rows`` rows (the caller has shuffled them).
        max_rounds: of the EM algorithm over the priors' scales.
        exact: nats that Newton's next step would still gain at the end.
        progress: shows the rounds.

    Raises:
        TrainingError: the log density is not finite at the start, or no positive definite curvature was found.
    """
    batch = Batch(batch.slice(0, max_rows).columns, batch.total).to(dtype=torch.float64)
    potential = Potential(in_double(model), layout, batch, normal=True)
    device = next(iter(batch.columns.values())).device
    hyper = layout.hyper().to(device)
    z = torch.zeros(layout.size, dtype=torch.float64, device=device) if at is None else at.to(torch.float64)
    if spread:
        noise = torch.randn(layout.size, dtype=torch.float64, generator=generator, device="cpu").to(z.device)
        z = torch.where(hyper, z, z + spread * noise)
    z, value, curvature = _newton(potential, z, hyper, _ROUGH if bool(hyper.any()) else exact)
    if not bool(hyper.any()):
        return LaplaceStart(_whitening(z, hyper, curvature), float(value), 0)
    rounds = 0
    with progress.task("Newton–Laplace start", max_rounds) as advance:
        for rounds in range(1, max_rounds + 1):
            scales = estimate_scales(potential, z, _whitening(z, hyper, curvature).variance(), hyper)
            z = z.masked_scatter(hyper, z[hyper] + scales.step)
            settled = rounds == max_rounds or bool((scales.step / scales.width).square().mean().sqrt() < _SETTLED)
            z, value, curvature = _newton(potential, z, hyper, exact if settled else _ROUGH)
            advance(1, potential=float(value))
            if settled:
                break
    whitening = _whitening(z, hyper, curvature, scales.width)
    return LaplaceStart(Breathing(whitening, hyper.nonzero()[:, 0], scales.exponents), float(value), rounds)


def walk(
    model: RewardModel, batch: Batch, layout: Layout, at: Float[Tensor, " D"], *, arrived: Callable[[Tensor], bool]
) -> Float[Tensor, " D"]:
    """A rough way downhill with the scales held: Newton's steps in bursts, until ``arrived`` says that the rest is known.

    Args:
        model: linear heads.
        batch: the rows; the first few thousand stand for them.
        layout: of the model's global latents.
        at: the place to start from, unconstrained.
        arrived: is asked after each burst.

    Raises:
        TrainingError: the log density is not finite at the start.
    """
    batch = Batch(batch.slice(0, _WALKED).columns, batch.total).to(dtype=torch.float64)
    potential, hyper = Potential(in_double(model), layout, batch, normal=True), layout.hyper().to(at.device)
    z, before = at.to(torch.float64), math.inf
    for _ in range(_BURSTS):
        z, value, _ = _newton(potential, z, hyper, _ROUGH, max_steps=_BURST)
        if arrived(z) or before - float(value) < _ROUGH:
            break
        before = float(value)
    return z


def _newton(
    potential: Potential, z: Tensor, hyper: Tensor, tolerance: float, max_steps: int = 200
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Levenberg-damped Newton over all coordinates but the scales; returns mode, value and curvature there."""
    value, gradient = potential.gradient(z)
    if not torch.isfinite(value) or not torch.isfinite(gradient).all():
        raise TrainingError(
            f"the log density of the model is {float(value)} at the start of the fit",
            fix="look for extreme covariates; an action on an answer with label 0 is impossible unless action.false_rate > 0",
        )
    damping, curvature = 0.0, potential.curvature(z)
    for _ in range(max_steps):
        step = _solve(curvature, gradient, hyper, damping)
        if step is None:
            damping = max(10 * damping, 1e-3 * float(curvature[2].diagonal().abs().mean()))
            if damping > 1e12:
                raise TrainingError(
                    "no positive definite curvature was found for the Newton–Laplace start", fix="give the weights a tighter prior"
                )
            continue
        decrement = float(step @ gradient)
        if decrement < tolerance and damping == 0.0:
            break
        proposal = z - step
        new_value, new_gradient = potential.gradient(proposal)
        if torch.isfinite(new_value) and new_value <= value - 1e-4 * decrement:
            z, value, gradient = proposal, new_value, new_gradient
            curvature = potential.curvature(z)
            damping = damping / 10 if damping > 1e-4 else 0.0
        else:
            damping = max(10 * damping, 1e-3 * float(curvature[2].diagonal().abs().mean()))
            if damping > 1e12:  # the decrement is below rounding
                break
    return z, value, curvature


def _masked(curvature: tuple[Tensor, Tensor, Tensor], hyper: Tensor, damping: float) -> tuple[Tensor, Tensor, Tensor]:
    """The curvature with the scales cut loose (unit precision, no coupling) and ``damping`` on the rest."""
    diagonal, coupling, dense = curvature
    loose = hyper[len(diagonal) :]
    coupling = coupling.masked_fill(loose, 0.0)
    dense = dense.masked_fill(loose, 0.0).masked_fill(loose[:, None], 0.0) + torch.diag(torch.where(loose, 1.0, damping))
    return diagonal + damping, coupling, dense


def _solve(curvature: tuple[Tensor, Tensor, Tensor], gradient: Tensor, hyper: Tensor, damping: float) -> Tensor | None:
    """The Newton step, zero for the scales; None where the damped curvature is not positive definite."""
    try:
        inverse = Whitening(torch.zeros_like(gradient), *_masked(curvature, hyper, damping))
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        return None
    return inverse(inverse.transpose(gradient.masked_fill(hyper, 0.0)))


def _whitening(z: Tensor, hyper: Tensor, curvature: tuple[Tensor, Tensor, Tensor], widths: Tensor | None = None) -> Whitening:
    """Laplace over the weights; with ``widths``, over the scales too.

    The weights' mode moves with the scales, by ``−H⁻¹ C`` for the cross derivatives ``C``. That shift belongs into the
    map: the base rate and the scale of the reward weights trade off against each other, and a guide that takes them for
    independent is too sure of both.
    """
    diagonal, coupling, dense = _masked(curvature, hyper, 0.0)
    try:
        whitening = Whitening(z, diagonal, coupling, dense)
        if widths is None:
            return whitening
        users = len(diagonal)
        loose = hyper[users:]
        cross = torch.cat([curvature[1], curvature[2].masked_fill(loose[:, None], 0.0)])[:, loose]
        half = whitening.transpose(cross.T)
        dense[loose[:, None] & loose] = (half @ half.T + torch.diag(widths**-2)).flatten()
        coupling = torch.where(loose, curvature[1], coupling)
        across = loose[:, None] ^ loose
        return Whitening(z, diagonal, coupling, torch.where(across, curvature[2], dense))
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        raise TrainingError(
            "the curvature at the mode is not positive definite: the data and the priors leave a direction open",
            fix="give the weights, the effects or the intercept a tighter prior",
        ) from None
