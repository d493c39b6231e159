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

from probrm.coordinates.layout import Layout
from probrm.coordinates.parts import linear_of
from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.whitening import Whitening
from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.inference.laplace.descent import SKETCH, Descent, finite, without_scales
from probrm.inference.laplace.potential import Arrow, potential_of
from probrm.inference.laplace.scales import estimate_scales
from probrm.model import RewardModel
from probrm.progress import Progress, silent

_ROUGH, _EXACT = 1e-2, 1e-12
"""Nats that the next step would still gain: between rounds, and at the end."""
_STALE = 0.1
"""Nats of descent after which a curvature is too old to tell the weights' widths."""
WALKED = 5_000
"""Rows that a rough walk sees at least; of many rows, a twentieth: with users in every one, fewer would rank the answers otherwise."""
_BURST, _BURSTS = 25, 8
"""Of a rough walk: steps between two looks, and how many looks."""
_FEW = 5_000
"""Rows, standing for themselves alone, whose mode is where the way to that of many more begins."""
_LEAST_CURVATURE = 0.05
"""Of directions in unconstrained latents, whose priors have about 1."""
_ENDS = 5
"""How often a new curvature may send the way down on."""
_SETTLED = 0.2
"""Root mean square change of the scales, in their own standard deviations, at which the rounds end."""


@dataclass(frozen=True)
class LaplaceStart:
    """A mode and the Gaussian there.

    Attributes:
        coordinates: centred on the mode, scaled by the curvature; float64.
        potential: U at the mode, with the scales at their estimates.
        rounds: of the EM algorithm.
        rows: the likelihood's curvature, where it was worked out last; with it the way to another mode nearby may begin.
    """

    coordinates: Whitening | ScaleAdaptive
    potential: float
    rounds: int
    rows: Arrow | None = None


def newton_laplace(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    *,
    at: Float[Tensor, " D"] | None = None,
    rows: Arrow | None = None,
    spread: float = 0.0,
    generator: torch.Generator | None = None,
    max_rounds: int = 20,
    exact: float = _EXACT,
    still: float = 0.0,
    sketch: bool = False,
    progress: Progress = silent,
) -> LaplaceStart:
    """Finds a mode of the weights and the Laplace approximation around it.

    Args:
        model: linear heads.
        batch: the training rows, in random order.
        layout: of the model's global latents.
        at: the place to start from, unconstrained; None is the origin.
        rows: the likelihood's curvature near that place; None works it out.
        spread: standard deviation of a random displacement of that place.
        generator: draws that place.
        max_rounds: of the EM algorithm over the priors' scales.
        exact: nats that the next step would still gain at the end.
        still: nats of descent since the curvature was worked out, up to which it counts as the mode's.
        sketch: leaves the curvature at the end one of the first ``SKETCH`` rows in float32, too.
        progress: shows the rounds.

    Raises:
        TrainingError: the log density is not finite at the start, or no positive definite curvature was found.
    """
    potential = potential_of(model, layout, batch, normal=True)
    device = next(iter(batch.columns.values())).device
    hyper = layout.hyper().to(device)
    z = torch.zeros(layout.size, dtype=torch.float64, device=device) if at is None else at.to(torch.float64)
    if spread:
        noise = torch.randn(layout.size, dtype=torch.float64, generator=generator, device="cpu").to(z.device)
        z = torch.where(hyper, z, z + spread * noise)
    if at is None and len(batch) > 2 * _FEW:  # the first steps, which need a new curvature each, see few rows
        few = batch.slice(0, _FEW).columns
        z = newton_laplace(model, Batch(few, _FEW), layout, at=z, max_rounds=2, exact=_ROUGH, still=_STALE, sketch=True).coordinates.loc
    descent = Descent(potential, z, hyper, rows)
    hierarchical = bool(hyper.any())
    tied = potential.form is not None and potential.form.tied is not None
    descent.down(_ROUGH if hierarchical else exact)
    scales, rounds = None, 0
    with progress.task("Newton–Laplace start", max_rounds) as advance:
        while hierarchical and rounds < max_rounds:
            rounds += 1
            if descent.moved > _STALE:
                _bend(descent, _ROUGH, tied=tied)
            scales = estimate_scales(potential, descent.z, _whitening(descent.z, hyper, descent.curvature, lift=tied).variance(), hyper)
            descent.rescale(scales.step)
            settled = rounds == max_rounds or bool((scales.step / scales.width).square().mean().sqrt() < _SETTLED)
            descent.down(exact if settled else _ROUGH)
            advance(1, potential=float(descent.value))
            if settled:
                break
    if descent.moved > still or (descent.rough and not sketch):
        _bend(descent, exact, SKETCH if sketch else None, tied=tied)
    whitening = _whitening(descent.z, hyper, descent.curvature, scales.width if scales else None, lift=tied)
    if scales is None:
        return LaplaceStart(whitening, float(descent.value), 0, descent.rows)
    return LaplaceStart(ScaleAdaptive(whitening, hyper.nonzero()[:, 0], scales.exponents), float(descent.value), rounds, descent.rows)


def _bend(descent: Descent, tolerance: float, rows: int | None = SKETCH, *, tied: bool) -> None:
    """Works the curvature out where the way down has ended. An old one may have ended it where the new one shows a way on: then it is gone.

    Rows that are tied curve the wrong way at modes, too.
    """
    for _ in range(_ENDS):
        descent.bend(rows)
        if tied or not descent.damping:
            return
        descent.down(tolerance)


def walked(rows: int) -> int:
    """How many of so many rows a rough walk sees."""
    return min(rows, max(WALKED, rows // 20))


def walk(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    at: Float[Tensor, " D"],
    *,
    around: Whitening | ScaleAdaptive,
    arrived: Callable[[Tensor], bool],
) -> Float[Tensor, " D"]:
    """A rough way downhill with the scales held: L-BFGS in bursts, until ``arrived`` says that the rest is known.

    Args:
        model: linear heads.
        batch: the rows; the first ``walked`` stand for them.
        layout: of the model's global latents.
        at: the place to start from, unconstrained.
        around: coordinates of a mode that is known: where it is round, steps need no curvature.
        arrived: is asked after each burst.

    Raises:
        TrainingError: the log density is not finite at the start.
    """
    potential, hyper = (
        potential_of(model, layout, Batch(batch.slice(0, walked(len(batch))).columns, batch.total), normal=True),
        layout.hyper().to(at.device),
    )
    linear = linear_of(around)
    start = at.to(torch.float64)
    free = linear.inverse(start).requires_grad_()
    optimiser = torch.optim.LBFGS([free], max_iter=_BURST, history_size=_BURST, line_search_fn="strong_wolfe")

    def place() -> Tensor:
        return torch.where(hyper, start, linear(free))

    def energy() -> Tensor:
        optimiser.zero_grad()
        loss = potential(place())
        loss.backward()
        return loss

    before = float(finite(*potential.gradient(start))[0])
    for _ in range(_BURSTS):
        optimiser.step(energy)
        z = place().detach()
        value = float(potential(z))
        if not math.isfinite(value) or arrived(z) or before - value < _ROUGH:
            break
        before = value
    return place().detach()


def _lifted(dense: Tensor, less: Tensor) -> Tensor:
    """``dense``, raised where ``dense − less`` has eigenvalues below the least that counts."""
    eigenvalues, directions = torch.linalg.eigh(dense - less)
    return dense + (directions * (_LEAST_CURVATURE - eigenvalues).clamp_min(0.0)) @ directions.T


def _whitening(z: Tensor, hyper: Tensor, curvature: Arrow, widths: Tensor | None = None, *, lift: bool = False) -> Whitening:
    """Laplace over the weights; with ``widths``, over the scales too.

    The weights' mode moves with the scales, by ``−H⁻¹ C`` for the cross derivatives ``C``. That shift belongs into the
    map: the base rate and the scale of the reward weights trade off against each other, and a guide that takes them for
    independent is too sure of both.

    ``lift`` raises directions that curve the wrong way to the least that counts: rows that are tied have no log-concave likelihood.
    """
    diagonal, coupling, dense = without_scales(curvature, hyper)
    if lift:
        diagonal = diagonal.clamp_min(_LEAST_CURVATURE)
        dense = _lifted(dense, coupling.T @ (coupling / diagonal[:, None]))
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
