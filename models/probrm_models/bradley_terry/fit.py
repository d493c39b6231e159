"""Bradley–Terry as a point, as reward models usually are."""

from __future__ import annotations

from dataclasses import replace

import torch

from probrm.data import Batch
from probrm.errors import ConfigError
from probrm.guides import Layout, WhitenedGuide, Whitening
from probrm.guides.registry import Delta
from probrm.inference import SVI, Fitted
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.priors import Normal
from probrm.recipes.pairs.job import PairJob, model_columns
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors
from probrm_models.bradley_terry.model import BradleyTerryModel, DeterministicModel

_FLAT = Normal(0.0, 10.0)


def fit_point(
    job: PairJob,
    settings: BradleyTerryConfig,
    *,
    model: type[BradleyTerryModel] = DeterministicModel,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Weights as a point: trained by Adam from zero until held-out pairs are predicted no better.

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
    shape = job.shape

    def build(rows: Batch) -> tuple[BradleyTerryModel, WhitenedGuide]:
        made = model(shape, settings)
        layout = Layout.of(made, rows)
        if bool(layout.hyper().any()):
            raise ConfigError(
                "guide 'delta': the prior of the weights has a scale of its own, which a point cannot tell",
                fix="give it a number: --set model.priors.weights.dist=Normal --set model.priors.weights.scale=10",
            )
        unit = Whitening.diagonal(torch.zeros(layout.size), torch.ones(layout.size), layout.exchangeable)
        return made, WhitenedGuide(layout, unit, Delta().family(layout))

    fitted = fit_latent(
        build,
        model_columns(job.train),
        held_out=job.held_out and model_columns(job.held_out),
        settings=svi,
        starts=job.config.starts if settings.head.name == "mlp" else 1,  # only a network has several places to end at
        seed=job.config.seed,
        device=job.device,
        checkpoint=checkpoint,
        progress=job.progress,
    )
    return centred(fitted, job.data)


def centred(fitted: Fitted, pairs: Batch) -> Fitted:
    """A fit whose model's mean reward is 0 over the distinct responses of ``pairs``."""
    assert isinstance(fitted.model, BradleyTerryModel)
    fitted.model.centre_on(pairs)
    return fitted
