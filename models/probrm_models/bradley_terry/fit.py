"""Bradley–Terry fitted to pairs: with a Bayesian last layer, or as a point, as reward models usually are."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from probrm.data import Batch
from probrm.errors import ConfigError
from probrm.guides import GuideLike, Layout, WhitenedGuide, Whitening, build_family
from probrm.guides.registry import Delta
from probrm.inference import SVI, Fitted, InferenceConfig, fit
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.priors import Normal
from probrm.progress import Progress, silent
from probrm.recipes.pairs.job import PairFit
from probrm.recipes.pairs.repeats import shares
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors, BradleyTerryShape
from probrm_models.bradley_terry.model import BradleyTerryModel, DeterministicModel

_COLUMNS = ("chosen", "rejected", "outcome", "weight")
_FLAT = Normal(0.0, 10.0)


def fit_bayesian(
    job: PairFit,
    settings: BradleyTerryConfig,
    *,
    guide: GuideLike = "auto-normal",
    inference: InferenceConfig | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Weights with a posterior: all guides over them, Laplace and NUTS.

    Args:
        job: pairs and common settings.
        settings: priors and head.
        guide: over the weights.
        inference: None takes the job's.
        checkpoint: where training states are kept; the job's own belongs to the model that the run is of.

    Raises:
        ConfigError, TrainingError: from ``probrm.inference.fit``.
    """
    discount = settings.repeats == "discount"
    fitted = fit(
        BradleyTerryModel(_shape(job), settings),
        _columns(job.train, discount=discount),
        held_out=_columns(job.held_out, discount=discount) if job.held_out is not None else None,
        guide=guide,
        inference=inference or job.config.inference,
        starts=job.config.starts,
        seed=job.config.seed,
        device=job.device,
        checkpoint=checkpoint,
        progress=job.progress,
    )
    return _centred(fitted, job)


def refit_bayesian(
    model: BradleyTerryModel,
    batch: Batch,
    *,
    guide: GuideLike = "auto-normal",
    inference: str | InferenceConfig = "svi",
    seed: int = 0,
    progress: Progress = silent,
) -> Fitted:
    """The weights of ``model`` fitted to these pairs, with its own priors and discount; the model is left as it is.

    A trunk is trained again: what the weights are worth depends on it.

    Args:
        model: of a run.
        batch: pairs.
        guide: over the weights.
        inference: as in ``probrm.fit``.
        seed: of all random numbers.
        progress: shows the phases.

    Raises:
        ConfigError, TrainingError: from ``probrm.inference.fit``.
    """
    columns = _columns(batch, discount=model.config.repeats == "discount")
    fitted = fit(copy.deepcopy(model), columns, guide=guide, inference=inference, starts=1, seed=seed, device="cpu", progress=progress)
    assert isinstance(fitted.model, BradleyTerryModel)
    fitted.model.centre_on(batch)
    return fitted


def fit_point(
    job: PairFit,
    settings: BradleyTerryConfig,
    *,
    model: type[BradleyTerryModel] = DeterministicModel,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Weights as a point: trained by Adam from zero until held-out pairs are foretold no better.

    What is kept are the weights of the best look at the held-out pairs; with ``inference.refit`` training is then repeated on all
    pairs for as many steps. Their prior is next to flat, N(0, 10²), unless the settings have one of their own; early stopping does
    what a prior would. Pairs count whole, however many share their responses.

    Args:
        job: pairs and common settings; its ``inference`` where that is SVI.
        settings: priors and head.
        model: class of the model.
        checkpoint: where training states are kept.

    Raises:
        ConfigError: the weights' prior has a scale to be learned, of which a point has no estimate.
        TrainingError: a loss that is not finite.
    """
    if settings.priors.weights == BradleyTerryPriors().weights:
        settings = replace(settings, priors=replace(settings.priors, weights=_FLAT))
    common = job.config.inference
    svi = common if isinstance(common, SVI) else SVI(refit=common.refit)
    shape = _shape(job)

    def build(rows: Batch) -> tuple[BradleyTerryModel, WhitenedGuide]:
        made = model(shape, settings)
        layout = Layout.of(made, rows)
        if bool(layout.hyper().any()):
            raise ConfigError(
                "guide 'delta': the prior of the weights has a scale of its own, which a point cannot tell",
                fix="give it a number: --set model.priors.weights.dist=Normal --set model.priors.weights.scale=10",
            )
        unit = Whitening.diagonal(torch.zeros(layout.size), torch.ones(layout.size), layout.exchangeable)
        return made, WhitenedGuide(layout, unit, build_family(Delta(), layout))

    fitted = fit_latent(
        build,
        _columns(job.train),
        held_out=_columns(job.held_out) if job.held_out is not None else None,
        settings=svi,
        starts=job.config.starts if settings.head.name == "mlp" else 1,  # only a network has several places to end at
        seed=job.config.seed,
        device=job.device,
        checkpoint=checkpoint,
        progress=job.progress,
    )
    return _centred(fitted, job)


def _shape(job: PairFit) -> BradleyTerryShape:
    return BradleyTerryShape(len(job.inputs.centre), bool((job.data["outcome"] == 0.5).any()))


def _columns(batch: Batch, *, discount: bool = False) -> Batch:
    """The model's own columns: minibatches are cut from as little as possible."""
    columns = {name: batch[name] for name in _COLUMNS}
    return Batch(columns | ({"share": shares(batch)} if discount else {}), batch.total)


def _centred(fitted: Fitted, job: PairFit) -> Fitted:
    assert isinstance(fitted.model, BradleyTerryModel)
    fitted.model.centre_on(job.data)
    return fitted
