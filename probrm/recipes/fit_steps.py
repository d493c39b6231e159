"""A recipe's first half: from a file to a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

from jaxtyping import Float
from torch import Tensor

from probrm.config.data import DataSpec, read_data
from probrm.data import file_hash
from probrm.encoders import encode_all
from probrm.errors import ConfigError
from probrm.inference import Fitted, fit
from probrm.inference.device import resolve_device
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.model import RewardModel
from probrm.priors.checks import check_scales
from probrm.progress import Progress, silent
from probrm.recipes.job import Job, held_out_rows
from probrm.settings import Settings

if TYPE_CHECKING:
    from probrm.config import FitConfig
    from probrm.data import Batch, Conversation
    from probrm.encoders import Encoded, Encoder, Observed
    from probrm.runs.run import Run


class ReadOptions(TypedDict, total=False):
    """Where vectors come from and states go: keyword arguments of ``Recipe.fit``."""

    embeddings: str | Encoder | None
    checkpoint: Path | None
    progress: Progress


class FitSteps(ABC):
    """Settings, and the steps of a fit, each of which a model may replace."""

    kind: ClassVar[str]
    model_class: ClassVar[type[RewardModel]]
    config_class: ClassVar[type[Settings] | None] = None
    """The ``[model]`` table; None: the model's own ``config_class``."""
    baseline_class: ClassVar[type[RewardModel] | None] = None
    """Of the model that ``fit_baseline`` fits."""
    job_class: ClassVar[type[Job]]
    inputs_class: ClassVar[Any]
    """How columns become tensors."""
    data_class: ClassVar[type[DataSpec]]
    """The ``[data]`` table."""
    presets: ClassVar[Sequence[str]] = ()
    """Names of the published forms that can be read."""
    beside: ClassVar[str] = "baseline"
    """What the baseline's held-out likelihood is called among the diagnostics."""
    own_tables: ClassVar[tuple[str, ...]] = ()
    """Settings of the model that may stand as a table of their own: ``[action]`` for ``[model.action]``."""

    # ---- settings

    def defaults(self) -> dict[str, Any]:
        """Where the model's defaults of the other tables are its own: ``{"inference": {"batch_size": 256}, "held_out": 0.2}``."""
        return {}

    def data_settings(self) -> dict[str, Any]:
        """The defaults of the ``[data]`` table, as nested plain types. It has ``columns`` and ``preset`` at least."""
        return self.data_class().to_dict()

    def read_spec(self, settings: Mapping[str, Any]) -> Any:
        """A ``[data]`` table, checked, as what ``fit``, ``score`` and ``evaluate`` read files with; it has ``to_dict()``.

        Raises:
            ConfigError: a name or a value that is not allowed.
        """
        return read_data(self.data_class, settings, presets=self.presets)

    def settings(self, table: Mapping[str, Any]) -> Any:
        """A ``[model]`` table as the model's own settings.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """
        return (self.config_class or self.model_class.config_class).from_dict(table)

    def check_settings(self, settings: Any) -> None:
        """Refuses settings that are allowed one by one: by default scales whose priors reach below zero.

        Raises:
            ConfigError: names the setting and what is allowed.
        """
        if hasattr(settings, "priors"):
            check_scales(settings.priors)

    def model_settings(self) -> dict[str, Any]:
        """The defaults of the ``[model]`` table, as nested plain types."""
        return self.check_model({})

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Validated ``[model]`` settings in their full form.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """
        found = self.settings(settings)
        self.check_settings(found)
        return found.to_dict()

    # ---- a fit

    @abstractmethod
    def read_rows(self, source: str, config: FitConfig) -> Any:
        """The file's rows, by ``config.data``."""

    @abstractmethod
    def texts(self, rows: Any, config: FitConfig) -> tuple[list[Conversation], Callable[[], Observed | None]]:
        """All that is encoded of the rows, and what gives an encoder's layer its choice."""

    def distinguished(self, rows: Any, encoded: Encoded) -> tuple[Any, Encoded]:
        """The rows that can be learnt from now that their vectors are known, and the vectors of their ``texts``: by default all."""
        return rows, encoded

    @abstractmethod
    def columns(self, rows: Any, vectors: Float[Tensor, "t d"]) -> tuple[Any, Batch]:
        """How columns become tensors, from the vectors of ``texts``, and the rows as the model takes them."""

    @abstractmethod
    def groups(self, rows: Any) -> tuple[Any, ...]:
        """The prompt, and perhaps the user, of each row: held out together; perhaps, too, which rows go with their prompts alone."""

    def read(self, source: str, config: FitConfig, **how: Unpack[ReadOptions]) -> Job:
        """Reads and encodes a file, and splits its rows; arguments and errors as in ``fit``."""
        embeddings, checkpoint, progress = how.get("embeddings"), how.get("checkpoint"), how.get("progress", silent)
        rows = self.read_rows(source, config)
        self.check(config, rows)
        device = resolve_device(config.device)  # before the long part, not after it
        texts, observed = self.texts(rows, config)
        encoded = encode_all(texts, config.encoder, device=device, embeddings=embeddings, observed=observed, progress=progress)
        rows, encoded = self.distinguished(rows, encoded)
        inputs, data = self.columns(rows, encoded.vectors)
        digest = file_hash(source)
        return self.job_class(
            config=config,
            rows=rows,
            inputs=inputs,
            data=data,
            held=held_out_rows(config, *self.groups(rows)),
            encoded=encoded,
            digest=digest,
            embeddings=embeddings,
            checkpoint=Checkpoint.of(checkpoint, config.to_dict(), digest, encoded.key) if checkpoint else None,
            progress=progress,
        )

    def check(self, config: FitConfig, rows: Any) -> None:
        """Refuses, before anything is encoded, rows that the model cannot be fitted to: by default a guide of latents that it has not.

        Raises:
            ConfigError, DataError: what the problem is.
        """
        if config.guide.name == "amortised" and self.model_class.local_guide is RewardModel.local_guide:
            raise ConfigError(f"guide 'amortised': the model {self.kind!r} has no latents in its rows", fix="use --guide auto-normal")

    def build(self, job: Job) -> RewardModel:
        """The model before the fit."""
        return self.model_class(job.shape, self.settings(job.config.model))

    def fit_model(self, job: Any) -> Fitted:
        """The fitted model."""
        return fit(self.build(job), job.train, held_out=job.held_out, **job.options)

    def fit_baseline(self, job: Any) -> Fitted | None:
        """The model to beat, fitted to the same rows; None where there is none."""
        return None

    def findings(self, job: Any, fitted: Fitted) -> dict[str, dict[str, Any]]:
        """Tables for the run's metrics, ``{"identifiability": {"notes": […]}}``; those notes are printed after the fit."""
        return {}

    def notes(self, job: Any, fitted: Fitted) -> list[str]:
        """More to be printed after the fit."""
        return []

    def fit(self, source: str, config: FitConfig, **how: Unpack[ReadOptions]) -> Run:
        """Reads, encodes, fits; nothing is written but the cache of embeddings and, where asked for, the checkpoint folder.

        Args:
            source: the file.
            config: all settings.
            how: ``embeddings``, a store of the file's vectors, or an encoder, instead of the settings' one; ``checkpoint``, a folder for
                training states; ``progress``.

        Raises:
            ConfigError, DataError, EncoderError, TrainingError: the settings, the file, the encoder or the training.
        """
        job = self.read(source, config, **how)
        fitted, baseline = self.fit_model(job), self.fit_baseline(job)
        return self.run(job, fitted, baseline, self.findings(job, fitted))

    def run(self, job: Any, fitted: Fitted, baseline: Fitted | None, tables: Mapping[str, dict[str, Any]]) -> Run:
        """The run of a fitted model, with ``tables`` of its metrics added to those that every run has."""
        own = {"diagnostics": {f"{self.beside}_held_out_log_likelihood": baseline.held_out if baseline else None}, **self.counts(job)}
        merged = {name: {**own.get(name, {}), **tables.get(name, {})} for name in own | dict(tables)}
        return job.run(self.kind, fitted, baseline, merged, self.notes(job, fitted))

    def counts(self, job: Any) -> dict[str, dict[str, Any]]:
        """What every model counts in such rows, for the run's metrics."""
        return {"identifiability": {"notes": []}}

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[RewardModel, Any, RewardModel | None]:
        """``(model, inputs, baseline model)`` of a saved run.

        Raises:
            ValueError: the inputs are not of the model's shape.
        """
        baseline = self.baseline_class.from_spec(spec["baseline"]) if spec["baseline"] and self.baseline_class else None
        model, inputs = self.model_class.from_spec(spec["model"]), self.inputs_class.restore(spec["inputs"], tensors)
        if hasattr(inputs, "check_shape") and hasattr(model, "shape"):
            inputs.check_shape(model.shape)
        return model, inputs, baseline
