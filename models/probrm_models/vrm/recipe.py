"""The variational reward model on files."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Unpack

import numpy as np
import torch
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Pairs
from probrm.diagnostics import paper_bound
from probrm.errors import ConfigError
from probrm.guides import WhitenedGuide
from probrm.inference import SVI, FitOptions, Fitted
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.model import RewardModel
from probrm.priors import Normal
from probrm.priors.checks import check_support, check_unbounded
from probrm.progress import Progress
from probrm.recipes.objective_weights import shares, weights_note
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import preference_probabilities
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.recipes.pairs.repeats import occurrences
from probrm.report.blocks import Section
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.bradley_terry.fit import fit_point
from probrm_models.bradley_terry.model import DeterministicModel
from probrm_models.vrm.collapse import collapse, usefulness
from probrm_models.vrm.config import VRMConfig, VRMPriors, VRMShape
from probrm_models.vrm.global_inference import after_svi, fit_globals, global_densities
from probrm_models.vrm.inspection import contributions, objective_weights
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.objectives.description import describe
from probrm_models.vrm.objectives.given_weights import with_weights
from probrm_models.vrm.objectives.names import check_names, name_notes
from probrm_models.vrm.objectives.report import described, objectives_section
from probrm_models.vrm.objectives.scores import score_columns
from probrm_models.vrm.row_guide import with_shares
from probrm_models.vrm.selection import Selection, select
from probrm_models.vrm.warm_start.at_gate import PRECISION, Start, find_start
from probrm_models.vrm.warm_start.gate import gate_rows
from probrm_models.vrm.warm_start.initialise import build_guide

DEFAULT_OBJECTIVES = 4
"""Where neither the settings nor attributes of the data say how many."""
_CENTRE = 200
"""Draws of SVI's guide, at whose centre Laplace's approximation and NUTS begin."""


class VRMRecipe(PairRecipe):
    """Pairs → several objectives a response, weighted by the prompt."""

    kind = "vrm"
    refits_itself = False  # SVI has latents in every row, a refit sums them out
    units: ClassVar[Mapping[str, str]] = {
        "residual": "standard deviation of a score, logits",
        "log_tie": "log ν (Davidson)",
        "shared_scale": "standard deviation of the weights, logits",
        "contrasts_scale": "standard deviation of the weights, logits",
    }
    shown_first: ClassVar[tuple[str, ...]] = ("log residual", "log contrasts_scale")
    weights: ClassVar[Mapping[str, str]] = {"shared": "Weights that the objectives share"}
    model_class: ClassVar[type[PairModel]] = VRMModel
    baseline_class: ClassVar[type[RewardModel] | None] = DeterministicModel
    titles: ClassVar[Mapping[str, str]] = {
        **PairRecipe.titles,
        "weights.*": "weight of {}",
        "contributions.*": "{}: what it adds for the chosen response (logit)",
    }

    def defaults(self) -> dict[str, Any]:
        """Smaller steps of the guide than from a Newton start, larger ones of the linear networks, and one training."""
        return {"inference": {"learning_rate": 0.005, "network_learning_rate": 0.005, "patience": 8}, "starts": 1}

    def discounts(self, config: Mapping[str, Any]) -> bool:
        """Not with SVI, which has a latent for each response."""
        return config["inference"]["name"] != "svi"

    def check_settings(self, settings: VRMConfig) -> None:
        """Priors of weights and of ``log_tie`` reach both sides of zero, that of the residual does not."""
        super().check_settings(settings)
        for slot in ("shared", "contrasts", "gate", "decoder", "log_tie"):
            check_unbounded(f"model.priors.{slot}", getattr(settings.priors, slot))
        check_support("model.priors.residual", settings.priors.residual, 0.0, float("inf"), "positive numbers", "HalfNormal")

    def check(self, config: FitConfig, rows: Pairs) -> None:
        """There are no more attributes than objectives, and a way to fit or to sum out latents of rows."""
        settings = self.settings(config.model)
        if config.inference.name != "svi" and settings.decoder.name == "mlp":
            raise ConfigError(
                f'inference {config.inference.name!r} with model.decoder.name = "mlp": the latents of a row cannot be summed out of a '
                "network; allowed: svi",
                fix="use --inference svi, or --set model.decoder.name=bilinear",
            )
        k = len(rows.attributes)
        if settings.objectives is not None and k > settings.objectives:
            raise ConfigError(
                f"model.objectives is {settings.objectives}, but {rows.source} has {k} attributes ({', '.join(rows.attributes)}); "
                f"allowed: {k} or more, one for each",
                fix=f"raise it (--set model.objectives={k}), or name fewer attributes: --attributes {','.join(rows.attributes[: settings.objectives])}",
            )
        if config.guide.name == "amortised" and settings.features.prior == "standard":
            raise ConfigError(
                "guide 'amortised': with model.features.prior = \"standard\" the features are amortised already",
                fix="use --guide auto-normal",
            )

    def fit_model(self, job: PairJob) -> Fitted:
        """SVI from Bradley–Terry with response effects; for Laplace and NUTS it makes the networks, then the globals are theirs."""
        inference, selection = job.config.inference, self._select(job)
        told = {} if selection is None else {"selection": selection.to_dict() | {"note": selection.note()}}
        if isinstance(inference, SVI):
            found = at_mean(self._svi(job, inference, selection))
            found = replace(found, statistics={**found.statistics, **told})
            assert isinstance(found.model, VRMModel)
            rows = job.data if job.held_out is None or inference.refit else job.train
            densities = global_densities(found.model, found.guide, rows, found.draws, progress=job.progress)
            return (
                found if densities is None else replace(found, sample_stats=dict(zip(("log_density", "log_guide"), densities, strict=True)))
            )
        trained = at_mean(self._svi(job, SVI(**self.defaults()["inference"], draws=_CENTRE, refit=False), selection))
        assert isinstance(trained.model, VRMModel)
        latents = collapse(trained.model, trained.guide, job.train)
        found = fit_globals(
            trained.model,
            job.train,
            at=trained.draws,
            held_out=job.held_out,
            inference=inference,
            seed=job.config.seed,
            device=job.device,
            progress=job.progress,
        )
        return at_mean(after_svi(trained, found, {"latents": latents, **told}))

    def _select(self, job: PairJob) -> Selection | None:
        """What five folds over the prompts choose; None for forms that it does not apply to."""
        settings: VRMConfig = self.settings(job.config.model)
        linear = settings.weights.prior == settings.features.prior == "embedding" and not settings.weights.hidden
        if not linear or settings.weights.family != "dirichlet":
            return None
        attributes = len(job.inputs.attributes)
        counts = [settings.objectives] if settings.objectives else [attributes] if attributes else [2, 4]
        return select(
            gate_rows(job.train, supervision=settings.supervision),
            job.train["prompt_index"],
            [k for k in counts if k > 1],
            precision=settings.weights.precision or PRECISION,
            supervision=settings.supervision,
            rule="objectives" if settings.objectives and settings.selection == "auto" else settings.selection,
            progress=job.progress,
        )

    def _svi(self, job: PairJob, inference: SVI, selection: Selection | None) -> Fitted:
        settings: VRMConfig = self.settings(job.config.model)
        shape = _shape(job, selection)
        terms = settings.divergence

        starts: list[Start] = []  # τ is found once, from the pairs that the folds have seen

        def build(rows: Batch) -> tuple[VRMModel, WhitenedGuide]:
            start = None if selection is None else _start(rows, settings, selection, starts[0] if starts else None, job.progress)
            starts.extend([start] if start else [])
            model = VRMModel(shape, settled(settings, start) if start else settings).to(rows["chosen"].device)
            return model, build_guide(model, rows, job.config.guide, job.progress, start)

        return fit_latent(
            build,
            job.train,
            held_out=job.held_out,
            settings=inference,
            starts=job.config.starts,
            seed=job.config.seed,
            device=job.device,
            elbo=lambda: LocalKLELBO(terms.weight, terms.warmup, terms.free_bits),
            trained=selection is not None and begins_trained(settings, selection),
            prepare=with_shares,
            inspect=lambda model, draws, rows: {"usefulness": usefulness(model, draws, rows), **_names(job, model, draws, rows)},  # type: ignore[arg-type]
            checkpoint=job.checkpoint,
            progress=job.progress,
        )

    def refit(self, run: Run, batch: Batch, **options: Unpack[FitOptions]) -> Fitted:
        """The globals again, in the marginal form; the networks are those of the run.

        Raises:
            NotImplementedError: the decoder is a network.
        """
        assert isinstance(run.model, VRMModel)
        return fit_globals(copy.deepcopy(run.model), batch, at=run.draws, **{"inference": "svi", "device": "cpu", **options})

    def fit_baseline(self, job: PairJob) -> Fitted | None:
        """Deterministic Bradley–Terry on the same pairs."""
        return fit_point(job, BradleyTerryConfig())

    def findings(self, job: PairJob, fitted: Fitted) -> dict[str, Any]:
        """What became of the latents and, where it is asked for, the paper's bound."""
        model = fitted.model
        assert isinstance(model, VRMModel)
        rows = job.data if job.held_out is None or job.config.inference.refit else job.train
        known = fitted.statistics.get("latents")
        found = collapse(model, fitted.guide, rows) if known is None else dict(known)
        notes = [fitted.statistics["selection"]["note"]] if "selection" in fitted.statistics else []
        if model.count > 1 and not found["active"]["weights"]:
            notes.append(
                "the objective weights have collapsed onto their prior: they do not vary with the prompt, and say nothing about it"
            )
        repeated = (len(rows["prompt_index"].unique()) < len(rows)) if model.count > 1 else occurrences(rows)["contrasts"] < len(rows)
        if job.config.inference.name != "svi" and repeated:
            notes.append(
                f"{job.config.inference.name}: pairs of one prompt are taken for independent given the objectives, so contrasts may come out "
                "too large and the residual too small; --inference svi keeps what they share together"
            )
        notes += name_notes(fitted.statistics.get("objective_names", {}))
        if not found["active"]["features"]:
            notes.append("the features have collapsed onto their prior: no response is told from its embedding's prediction")
        objectives = describe(model, fitted.draws, job.data, job.rows, seed=job.config.seed)
        told = {"diagnostics": {"latents": found, "objectives": objectives}, "identifiability": {"notes": notes}}
        if job.config.model["certificate"]:
            p = preference_probabilities(model, fitted.draws, rows, seed=job.config.seed).p_chosen
            decided = rows["outcome"].numpy() != 0.5
            bound = paper_bound(float((p[decided] < 0.5).mean()), found["kl_total"], int(decided.sum()))
            told["pac_bayes"] = {"paper": bound.to_dict()}
        return told

    def more_about(self, run: Run, pair: Batch) -> dict[str, Any]:
        """The prompt's weights and each objective's share."""
        assert isinstance(run.model, VRMModel)
        return contributions(run.model, run.draws, pair, seed=run.config["seed"])

    def more_scores(self, run: Run, batch: Batch) -> dict[str, np.ndarray]:
        """Each objective's scores, and the weights of each row's prompt."""
        assert isinstance(run.model, VRMModel)
        return score_columns(run.model, run.draws, batch) | objective_weights(run.model, run.draws, batch, seed=run.config["seed"])

    def more_notes(self, run: Run) -> list[str]:
        """Names that are not to be relied on, and weights given by hand."""
        notes = name_notes(run.metrics["diagnostics"].get("objective_names") or {}, unchecked=False)
        weights = run.record.get("weights")
        return [*notes, weights_note(weights["given"], weights["used"])] if weights else notes

    def reweighted(self, run: Run, weights: Mapping[str, float]) -> Run:
        """The run with these weights in place of the prompts'.

        Raises:
            ConfigError: the run has one objective; or a name or number that is not allowed.
        """
        assert isinstance(run.model, VRMModel)
        if run.model.count < 2:
            raise ConfigError(
                f"--weights: the run has one objective, {run.model.shape.objectives[0]!r}; allowed: runs with several objectives",
                fix="leave --weights out, or fit with --selection objectives",
            )
        used = shares(weights, run.model.shape.objectives)
        return replace(run, model=with_weights(run.model, used), record=run.record | {"weights": {"given": dict(weights), "used": used}})

    def described(self, run: Run) -> dict[str, Any]:
        """What each objective is, with texts."""
        found = described(run, self.read_spec(run.config["data"]))
        return {"objectives": found} if found else {}

    def posterior_sections(self, run: Run) -> list[Section]:
        """What each objective is."""
        return objectives_section(self.described(run).get("objectives", {}))

    def report_sections(self, run: Run) -> list[Section]:
        """The same."""
        return self.posterior_sections(run)

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Those of every model of pairs, and the objectives'."""
        made = super().figures(run, rows)
        if rows is not None and isinstance(run.model, VRMModel):
            from probrm_models.vrm.figures import objective_figures  # matplotlib: half a second

            made |= objective_figures(run, run.model, rows)
        return made

    def headline(self, run: Run) -> list[str]:
        """What each latent buys, and how well pairs are predicted."""
        found, lines = run.metrics["diagnostics"], super().headline(run)
        latents = found["latents"]
        mean, sd = latents["weights_mean"], latents["weights_sd"]
        lines.append(
            "objective weights across prompts, mean ± sd: " + ", ".join(f"{name} {mean[name]:.2f} ± {sd[name]:.2f}" for name in mean)
        )
        dimensions = {name: len(value) for name, value in latents["kl"].items()}
        used = "; ".join(
            f"{name} {latents['active'][name]} of {n} dimensions, {sum(latents['kl'][name]):.3f} nats" for name, n in dimensions.items()
        )
        lines.append(f"latents in use: {used}")
        if use := found.get("usefulness"):
            full = use["full"]
            changes = ", ".join(
                f"{title} {use[name]['accuracy']:.3f} / {use[name]['nll']:.3f}"
                for name, title in (
                    ("weights_shuffled", "other prompts' weights"),
                    ("weights_average", "the same weights everywhere"),
                    ("features_mean", "features without uncertainty"),
                )
            )
            lines.append(f"accuracy / NLL of held-out pairs: {full['accuracy']:.3f} / {full['nll']:.3f}; with {changes}")
        return lines


def _names(job: PairJob, model: VRMModel, draws: Mapping[str, Tensor], rows: Batch) -> dict[str, Any]:
    """Whether objectives that are named after attributes follow them in the held-out pairs ``rows``; a network's have no scores."""
    if job.held is None or not model.shape.attributes or model.trunk is not None:
        return {}
    return {"objective_names": check_names(model, draws, rows, job.rows.take(job.held))}


def _start(rows: Batch, settings: VRMConfig, selection: Selection, earlier: Start | None, progress: Progress) -> Start:
    count, precision = selection.objectives, settings.weights.precision or PRECISION
    known: dict[str, Any] = {"precision": precision, "supervision": settings.supervision, "residual": settings.priors.residual}
    known |= {"left_out": None if earlier else selection.left_out, "known": earlier}
    return find_start(rows, count, selection.scale, selection.ratio, **known, progress=progress)


def at_mean(fitted: Fitted) -> Fitted:
    """With the network of the weights at the mean of a latent gate, for whatever asks for one."""
    if "gate" in fitted.draws and isinstance(fitted.model, VRMModel):
        fitted.model.weights.set_gate(fitted.draws["gate"].mean(0))  # type: ignore[union-attr]
    return fitted


def begins_trained(settings: VRMConfig, selection: Selection) -> bool:
    """Whether the guide begins at the posterior of these very priors: the gate's is one of the default ones."""
    own, default = settings.priors, VRMPriors()
    return selection.objectives > 1 and (own.shared, own.contrasts, own.gate) == (default.shared, default.contrasts, default.gate)


def settled(settings: VRMConfig, start: Start) -> VRMConfig:
    """The settings with what was found: scales as numbers where their priors are the defaults, κ, and no supervision of one objective."""
    default, priors = VRMPriors(), settings.priors
    if start.scale is not None and priors.shared == default.shared:
        priors = replace(priors, shared=Normal(0.0, start.scale))
    if start.scale is not None and priors.contrasts == default.contrasts:
        priors = replace(priors, contrasts=Normal(0.0, start.scale * start.ratio**0.5))
    settings = replace(settings, priors=priors, features=replace(settings.features, squared_length=start.squared_length))
    if start.gate is None:
        return replace(settings, supervision=replace(settings.supervision, weight=0.0))
    return replace(settings, weights=replace(settings.weights, precision=start.precision, gate="latent"))


def _shape(job: PairJob, selection: Selection | None = None) -> VRMShape:
    """Objectives are the attributes first, then as many more as are asked for or chosen; one is all there is where the folds say so."""
    if selection is not None and selection.objectives == 1:
        alone = job.inputs.attributes if len(job.inputs.attributes) == 1 else ()
        return VRMShape(len(job.inputs.centre), len(job.inputs.prompt_centre), alone or ("reward",), len(alone), job.shape.ties)
    attributes = job.inputs.attributes
    settings = VRMConfig.from_dict(job.config.model)
    count = selection.objectives if selection else settings.objectives or len(attributes) or DEFAULT_OBJECTIVES
    spare = (name for name in (f"objective_{i}" for i in itertools.count(len(attributes) + 1)) if name not in attributes)
    names = (*attributes, *itertools.islice(spare, count - len(attributes)))
    ties = bool(torch.any(job.data["outcome"] == 0.5))
    return VRMShape(len(job.inputs.centre), len(job.inputs.prompt_centre), names, len(attributes), ties)
