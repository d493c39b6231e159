"""The variational reward model's globals by Laplace's approximation or NUTS, the networks being what SVI has made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch
from probrm.guides import GuideLike, Layout, WhitenedGuide
from probrm.guides.families import Point
from probrm.inference import Fitted, InferenceConfig, fit
from probrm.inference.densities import log_joint
from probrm.progress import Progress, silent
from probrm_models.vrm.marginal import marginal_rows
from probrm_models.vrm.model import VRMModel


def fit_globals(
    model: VRMModel,
    rows: Batch,
    *,
    at: dict[str, Tensor] | None = None,
    held_out: Batch | None = None,
    guide: GuideLike = "auto-normal",
    inference: str | InferenceConfig = "laplace",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> Fitted:
    """Fits the globals alone, in the marginal form.

    Args:
        model: with trained networks, which stay as they are; bilinear decoder.
        rows: pairs with the columns that the recipe gives them.
        at: draws of the globals whose centre is the place to begin at; None begins at the origin.
        held_out: pairs that share no prompt with ``rows``.
        guide: over the globals.
        inference: ``laplace``, ``nuts``, or ``svi`` of the marginal form.
        seed: random seed.
        device: as in ``probrm.fit``.
        progress: shows the phases.

    Raises:
        NotImplementedError: the decoder is a network.
        ConfigError, TrainingError: from ``probrm.inference.fit``.
    """
    model.requires_grad_(False)
    with model.marginalised():
        prepared = marginal_rows(model, rows)
        layout = Layout.of(model, prepared)
        place = None if at is None else layout.unconstrain({name: value.double() for name, value in at.items()}).mean(0)
        return fit(
            model,
            prepared,
            held_out=None if held_out is None else marginal_rows(model, held_out),
            guide=guide,
            inference=inference,
            starts=1,
            at=place,
            seed=seed,
            device=device,
            progress=progress,
        )


def after_svi(trained: Fitted, globals_: Fitted, told: dict[str, Any]) -> Fitted:
    """One result of the two stages: the second's posterior, with the first's history and what it told of the latents."""
    return replace(
        globals_,
        history=trained.history,
        statistics={**trained.statistics, **told, **globals_.statistics},
        seconds={**trained.seconds, **globals_.seconds},
    )


def global_densities(
    model: VRMModel, guide: Any, rows: Batch, draws: dict[str, Tensor], *, progress: Progress = silent
) -> tuple[Float[Tensor, " s"], Float[Tensor, " s"]] | None:
    """``log p(data, globals)`` in the marginal form and ``log q(globals)`` of draws of SVI's guide, in unconstrained coordinates.

    Args:
        model: as SVI left it.
        guide: its guide; what it says of the rows' latents plays no part.
        rows: the pairs that both were trained on.
        draws: of the globals, ``(s, *shape)``, from ``guide``.
        progress: shows the draws.

    Returns:
        None where the marginal form is not what SVI's bound bounds: several pairs have a response or, with more than one
        objective, a prompt in common (then it is a composite likelihood); priors of rows know neither prompt nor response
        (``weights.prior`` or ``features.prior`` is ``standard``); divergences are weighed (``divergence``). None of a point, too.
    """
    if not isinstance(guide, WhitenedGuide) or isinstance(guide.family, Point) or not _is_target(model, rows):
        return None
    values = {name: value.double().cpu() for name, value in draws.items()}
    with model.marginalised():
        prepared = marginal_rows(model, Batch({name: c for name, c in rows.columns.items() if not name.endswith("_index")}, rows.total))
        z = guide.layout.unconstrain(values)
        log_density = log_joint(model, guide.layout, prepared, z, progress=progress)
    with torch.no_grad():
        coordinates, family = guide.coordinates, guide.family()
        at = z.to(guide.steps.device, family.mean.dtype)
        log_guide = family.log_prob(coordinates.inverse(at)) - coordinates.log_det(at)
    return log_density, log_guide.double().cpu()


def _is_target(model: VRMModel, rows: Batch) -> bool:
    """Whether the marginal likelihood of the rows, each by itself, is the evidence that the bound of SVI is for."""
    config = model.config
    terms = config.divergence
    if model.standard or model.trunk is not None or (model.count > 1 and config.weights.prior == "standard"):
        return False
    if terms.weight != 1 or terms.free_bits:
        return False
    responses = torch.cat([rows["chosen_index"], rows["rejected_index"]])
    return len(responses.unique()) == len(responses) and (model.count == 1 or len(rows["prompt_index"].unique()) == len(rows))
