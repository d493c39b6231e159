"""Several starts: where a likelihood has more than one mode, one start finds one of them in silence."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout, Whitening, build_guide, guide_draws
from probrm.inference.device import own_random_stream
from probrm.inference.laplace.newton import LaplaceStart, newton_laplace
from probrm.inference.rank_correlation import spearman
from probrm.inference.settings import SVI
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.heldout import held_out_score
from probrm.inference.svi.train import History, run_svi
from probrm.model import RewardModel
from probrm.progress import Progress, silent

_SPREAD = 1.5
"""Of the random places that starts after the first begin at, in unconstrained units."""
TIE = 1e-3
"""Held-out nats a row within which two starts explain the log equally well."""
_DRAWS = 100
_COLD_SCALE = 0.1


@dataclass(frozen=True)
class Start:
    """One mode of the last layer.

    Attributes:
        laplace: the mode and its curvature.
        score: held-out log predictive density a row, or, without held-out rows, −potential a row.
        agreement: Spearman correlation of its rewards with those of the best start.
    """

    laplace: LaplaceStart
    score: float
    agreement: float = 1.0


def find_starts(
    model: RewardModel,
    data: Batch,
    held_out: Batch | None,
    layout: Layout,
    count: int,
    progress: Progress = silent,
    first: Tensor | None = None,
) -> list[Start]:
    """Newton–Laplace from ``count`` places, best first; the first place is ``first``, or the origin.

    Where starts are equal on held-out rows, the higher posterior density decides: it includes the labels, where there are any.

    Raises:
        TrainingError: no start converged; the first start's reason.
    """
    found: list[tuple[LaplaceStart, float, Tensor]] = []
    failure: TrainingError | None = None
    hyper = layout.hyper()
    for i in range(count):
        # Later starts take the scales over from the first one, so that its mode costs them a single round.
        at = torch.where(hyper.to(found[0][0].coordinates.loc.device), found[0][0].coordinates.loc, 0.0) if found else first
        try:
            laplace = newton_laplace(model, data, layout, at=at, spread=_SPREAD if i else 0.0, progress=progress)
        except TrainingError as error:
            failure = failure or error
            continue
        guide = build_guide("auto-normal", model, layout, copy.deepcopy(laplace.coordinates).float())
        score = scorer(model, guide, data, held_out)
        centre = {name: value.float() for name, value in layout.constrain(laplace.coordinates.loc).items()}
        with torch.no_grad():
            reward = model.ranking(centre, data.slice(0, 5000).widened())
        found.append((laplace, score() if score else -laplace.potential / data.total, reward))
    if not found:
        raise failure or TrainingError("no start converged", fix="use more starts: --starts 8")
    tied = max(score for _, score, _ in found) - TIE
    found.sort(key=lambda start: (start[1] < tied, start[0].potential if start[1] >= tied else -start[1]))
    best = found[0][2]
    return [Start(laplace, score, spearman(best, reward)) for laplace, score, reward in found]


def pretrain_trunks(
    model: RewardModel,
    data: Batch,
    held_out: Batch | None,
    settings: SVI,
    count: int,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> History:
    """Trains the trunks together with a cold diagonal guide over the last layer, from ``count`` initialisations.

    The best by held-out score is kept and frozen: what follows treats its features as fixed inputs of a linear head,
    so the intervals are those of the last layer *given* the trunk.
    """
    best: tuple[float, dict[str, Tensor], History] | None = None
    for i in range(count):
        _reinitialise(model)
        layout = Layout.of(model, data)
        device = next(model.parameters()).device
        zeros = torch.zeros(layout.size, device=device)
        guide = build_guide("auto-normal", model, layout, Whitening.diagonal(zeros, zeros + _COLD_SCALE, layout.exchangeable)).to(device)  # type: ignore[union-attr]
        # The step is in units of the guide's starting width: as far as a warm start would go in ten.
        cold = replace(settings, learning_rate=10 * settings.learning_rate)
        score = scorer(model, guide, data, held_out)
        with model.marginalised():
            history = run_svi(
                model, guide, data, cold, score=score, checkpoint=checkpoint, progress=progress, label=f"Trunk, start {i + 1} of {count}"
            )
        value = score() if score else history.records[-1]["elbo"]
        if best is None or value > best[0]:
            best = value, copy.deepcopy(model.state_dict()), history
    assert best is not None
    model.load_state_dict(best[1])
    model.requires_grad_(False)
    return best[2]


def scorer(
    model: RewardModel, guide: object, data: Batch, held_out: Batch | None, draw: Callable[[int], Mapping[str, Tensor]] | None = None
) -> Callable[[], float] | None:
    """The held-out score of the guide as it stands, from the same random numbers at every call; None without held-out rows.

    ``draw`` gives so many draws of the model's global sites; without it the guide does.
    """
    if held_out is None:
        return None

    def score() -> float:
        with own_random_stream(0):
            draws = draw(_DRAWS) if draw else guide_draws(guide, data, _DRAWS)  # type: ignore[arg-type]
        return held_out_score(model, draws, held_out, seed=1)

    return score


def _reinitialise(model: nn.Module) -> None:
    """Fresh trunks from the fit's own seed, whatever the global one was when the model was made; frozen layers stay."""
    for module in model.modules():
        if hasattr(module, "reset_parameters") and any(p.requires_grad for p in module.parameters(recurse=False)):
            module.reset_parameters()  # type: ignore[operator]
