"""How a model meets files: what each model adds to the command line's verbs, found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from probrm.errors import ConfigError
from probrm.progress import Progress, silent

if TYPE_CHECKING:
    import pyarrow as pa

    from probrm.config import FitConfig
    from probrm.data import Batch, Conversation
    from probrm.encoders import Encoder
    from probrm.evaluation import Evaluation
    from probrm.guides import GuideLike
    from probrm.inference import Fitted, InferenceConfig
    from probrm.posterior import Rewards
    from probrm.reward_benchmarks import BenchmarkResult
    from probrm.runs.fitted_rows import FittedRows, RowPredictions
    from probrm.runs.run import Run


class Recipe(ABC):
    """One model's way from files to a run and back. Stateless; what was fitted lives in the ``Run``."""

    kind: ClassVar[str]
    unit: ClassVar[str] = "rows"
    """What an evaluation counts: a model of pairs says ``pairs``."""
    fitted_to: ClassVar[str] = ""
    """``log`` or ``pairs``: models of one of them can be compared on a file (``truth_rows``)."""
    own_tables: ClassVar[tuple[str, ...]] = ()
    """Settings of the model that may stand as a table of their own: ``[action]`` for ``[model.action]``."""
    refits_itself: ClassVar[bool] = True
    """Whether ``refit`` with a run's own settings repeats its inference; not where it takes another form of the model."""
    titles: ClassVar[Mapping[str, str]] = {}
    """How ``posterior --row`` names the parts of what ``inspect`` gives: dotted path → title, ``*`` in the path for any name and
    ``{}`` in the title for that name (``{"strata.*": "stratum {}"}``). What has no title goes by its path."""

    @abstractmethod
    def data_settings(self) -> dict[str, Any]:
        """The defaults of the ``[data]`` table, as nested plain types. It has ``columns`` and ``preset`` at least."""

    @abstractmethod
    def read_spec(self, settings: Mapping[str, Any]) -> Any:
        """A ``[data]`` table, checked, as what ``fit``, ``score`` and ``evaluate`` read files with; it has ``to_dict()``.

        ``probrm.config.read_data`` does it for a dataclass of settings.

        Raises:
            ConfigError: a name or a value that is not allowed.
        """

    @abstractmethod
    def model_settings(self) -> dict[str, Any]:
        """The defaults of the ``[model]`` table, as nested plain types."""

    @abstractmethod
    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Validated ``[model]`` settings in their full form.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """

    def defaults(self) -> dict[str, Any]:
        """Where the model's defaults of the other tables are its own: ``{"inference": {"batch_size": 256}, "held_out": 0.2}``."""
        return {}

    @abstractmethod
    def fit(
        self,
        source: str,
        config: FitConfig,
        *,
        embeddings: str | Encoder | None = None,
        checkpoint: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Reads, encodes, fits; nothing is written but the cache of embeddings and, where asked for, the checkpoint folder."""

    @abstractmethod
    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """``(model, inputs, baseline model)`` of a saved run."""

    @abstractmethod
    def score(
        self, run: Run, source: str, spec: Any, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """The input's rows in their order with the contract's columns at the end, and notes.

        A row that cannot be scored stays, with missing values in those columns.
        """

    def truth_rows(
        self,
        run: Run,
        source: str,
        spec: Any,
        *,
        embeddings: str | Encoder | None = None,
        baseline: bool = False,
        progress: Progress = silent,
    ) -> Any:
        """The file's rows with a known truth and the run's predictions of them, as ``LogRows`` and ``PairRows`` have them.

        Args:
            run: a fitted run.
            source: the file.
            spec: how it is read.
            embeddings: as in ``reward``.
            baseline: whether the predictions of the model beside it are wanted, too.
            progress: shows the encoding.

        Raises:
            ConfigError: this model does not say.
        """
        raise ConfigError(f"model {self.kind!r}: it cannot be evaluated or compared", fix="write truth_rows in its recipe")

    def evaluate(
        self,
        run: Run,
        source: str,
        spec: Any,
        *,
        embeddings: str | Encoder | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
        progress: Progress = silent,
    ) -> tuple[Evaluation, list[str]]:
        """Metrics against the truth in the file, beside the baseline's, and notes on the data."""
        found = self.truth_rows(run, source, spec, embeddings=embeddings, baseline=True, progress=progress)
        return found.against(found.beside, bootstrap=bootstrap, seed=seed, progress=progress), found.notes

    @abstractmethod
    def reward(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Rewards:
        """Rewards of n conversations given in code.

        Args:
            run: a fitted run.
            conversations: n of them.
            embeddings: a store of their vectors, or the encoder of the fit, instead of the run's settings of it.
            cache: look vectors up on disk and keep them there: for a file's worth. Without it the encoder stays in memory, which
                suits one call after another.
            progress: shows the encoding.
        """

    def benchmark(
        self,
        run: Run,
        name: str,
        source: str,
        *,
        embeddings: str | Encoder | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
        progress: Progress = silent,
    ) -> BenchmarkResult:
        """The run's scores on a published benchmark, from posterior mean rewards.

        Args:
            run: a fitted run.
            name: of the benchmark, see ``probrm.reward_benchmarks``.
            source: its file.
            embeddings: as in ``reward``.
            bootstrap: resamples of prompts behind the intervals.
            seed: of the bootstrap.
            progress: shows the encoding.

        Raises:
            ConfigError: an unknown benchmark; lists those there are.
            DataError: the file is not of the benchmark's form.
        """
        from probrm.reward_benchmarks import find_benchmark

        items = find_benchmark(name).read(source)
        rewards = self.reward(run, items.conversations, embeddings=embeddings, cache=True, progress=progress)
        return items.score(rewards.reward, bootstrap=bootstrap, seed=seed, progress=progress)

    def doubts(self, run: Run) -> list[tuple[bool, str]]:
        """What the report should say against this model's results in particular: whether it is grave, and a sentence."""
        return []

    def identifiability_blocks(self) -> Mapping[str, Callable[[Any], list[Any]]]:
        """How the report shows tables of ``metrics["identifiability"]`` that are the model's own, by name: each makes report blocks."""
        return {}

    def headline(self, run: Run) -> list[str]:
        """What a person is told after a fit, below the table of the posterior: a sentence each."""
        return []

    @abstractmethod
    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """Everything about one row of the fitted data, by id: plain types, in nested tables.

        An interval is ``{"mean": …, "low": …, "high": …}``, or the three numbers ``x``, ``x_low`` and ``x_high`` in a table.
        """

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The rows that the run was fitted to, from their file again; vectors come from the cache, or from the store that the fit was given.

        Raises:
            ConfigError: this model does not say.
            DataError: the file has changed or gone since the fit.
            EncoderError: vectors that are not in the cache, and no encoder.
        """
        raise ConfigError(f"model {self.kind!r}: it does not say which rows it was fitted to", fix="write fitted_rows in its recipe")

    def row_predictions(self, run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
        """What the posterior says of each fitted row: the reward of an answer, or the probability that the chosen one is preferred.

        Raises:
            ConfigError: this model does not say.
        """
        raise ConfigError(f"model {self.kind!r}: it says nothing of fitted rows", fix="write row_predictions in its recipe")

    def refit(
        self,
        run: Run,
        batch: Batch,
        *,
        guide: GuideLike = "auto-normal",
        inference: str | InferenceConfig = "svi",
        seed: int = 0,
        progress: Progress = silent,
    ) -> Fitted:
        """The run's model, with its settings, fitted to these rows another way: what a referee is asked for.

        Args:
            run: a fitted run.
            batch: some of its rows, standing for themselves alone.
            guide: over the global latents, for ``svi``.
            inference: a name or a configuration.
            seed: of the fit.
            progress: shows it.

        Raises:
            NotImplementedError: the model has no posterior, or only one way to it.
        """
        raise NotImplementedError(f"model {self.kind!r} is fitted in one way only")

    @abstractmethod
    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Figures of the posterior by file stem; those that need the fitted rows only where they are given."""
