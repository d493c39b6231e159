"""How a model meets files: what each model adds to the command line's verbs, found by name."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from jaxtyping import Float
from torch import Tensor

from probrm.errors import ConfigError
from probrm.inference import FitOptions, Fitted, fit
from probrm.progress import Progress, silent
from probrm.recipes.fit_steps import FitSteps

if TYPE_CHECKING:
    import pyarrow as pa

    from probrm.data import Batch, Conversation
    from probrm.encoders import Encoder
    from probrm.evaluation import Evaluation
    from probrm.posterior import Ranking, Rewards, Risk
    from probrm.recipes.ranking import RankedFile
    from probrm.report.blocks import Section
    from probrm.reward_benchmarks import BenchmarkResult
    from probrm.runs.fitted_rows import FittedRows, RowPredictions
    from probrm.runs.run import Run


class Recipe(FitSteps):
    """One model's way from files to a run and back. Stateless; what was fitted lives in the ``Run``.

    A model of logs or of pairs is a ``LogRecipe`` or a ``PairRecipe`` with two names, ``kind`` and ``model_class``; what it does
    otherwise than those, it overrides.
    """

    unit: ClassVar[str] = "rows"
    """What an evaluation counts: a model of pairs says ``pairs``."""
    fitted_to: ClassVar[str] = ""
    """``log`` or ``pairs``: models of one of them can be compared on a file (``truth_rows``)."""
    refits_itself: ClassVar[bool] = True
    """Whether ``refit`` with a run's own settings repeats its inference; not where it takes another form of the model."""
    titles: ClassVar[Mapping[str, str]] = {}
    """How ``posterior --row`` names the parts of what ``inspect`` gives: dotted path → title, ``*`` in the path for any name and
    ``{}`` in the title for that name (``{"strata.*": "stratum {}"}``). What has no title goes by its path."""

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
        """Metrics against the truth in the file, and the baseline's, and notes on the data."""
        found = self.truth_rows(run, source, spec, embeddings=embeddings, baseline=True, progress=progress)
        return found.against(found.beside, bootstrap=bootstrap, seed=seed, progress=progress), found.notes

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

        Raises:
            ConfigError: their rewards need more than texts.
        """
        batch = self.text_batch(run, conversations, embeddings=embeddings, cache=cache, progress=progress)
        return self.batch_rewards(run, batch, progress=progress)

    def batch_rewards(self, run: Run, batch: Batch, *, progress: Progress = silent) -> Rewards:
        """Rewards of a batch that ``text_batch`` or ``vector_batch`` made."""
        from probrm.posterior import predict_rewards

        return predict_rewards(run.model, run.draws, batch, progress=progress)

    def answers(self, run: Run, source: str, spec: Any, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> Any:
        """The answers of a file that has them one a row, or lists of them: as a ``Log``, the batch of their rewards, and notes.

        Raises:
            ConfigError: this model has no rewards of single answers.
        """
        raise ConfigError(f"model {self.kind!r}: it cannot rank the answers of a file", fix="write answers in its recipe")

    def text_batch(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Batch:
        """What ``model.reward`` takes of n conversations given in code; arguments as of ``reward``.

        Raises:
            ConfigError: this model has no rewards of single answers.
        """
        raise ConfigError(f"model {self.kind!r}: no rewards of texts", fix="write text_batch in its recipe")

    def vector_batch(self, run: Run, vectors: Float[Tensor, "n d"]) -> Batch:
        """What ``model.reward`` takes of n answers of which only the encoder's vectors are known.

        Raises:
            ConfigError: a reward depends on more than its answer's vector.
        """
        raise ConfigError(f"model {self.kind!r}: no rewards of vectors alone", fix="write vector_batch in its recipe")

    def rank(self, run: Run, source: str, spec: Any, **how: Any) -> RankedFile:
        """The answers of a file ranked within their prompts; the other arguments are those of ``rank_file``."""
        from probrm.recipes.ranking import rank_file

        return rank_file(self, run, source, spec, **how)

    def best_of_n(self, run: Run, answers: Sequence[Conversation], *, risk: Risk = "mean", abstain: float | None = None) -> Ranking:
        """n answers to one prompt ranked, see ``Run.best_of_n``."""
        from probrm.recipes.ranking import best_of_n

        return best_of_n(self, run, answers, risk=risk, abstain=abstain)

    def benchmark(
        self,
        run: Run,
        name: str,
        source: str,
        *,
        domain: str | None = None,
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
            domain: of a file of one domain without such a column (RM-Bench); None: as its name says.
            embeddings: as in ``reward``.
            bootstrap: resamples of prompts behind the intervals.
            seed: of the bootstrap.
            progress: shows the encoding.

        Raises:
            ConfigError: an unknown benchmark; lists those there are.
            DataError: the file is not of the benchmark's form.
        """
        from probrm.reward_benchmarks import find_benchmark

        items = find_benchmark(name, domain=domain).read(source)
        rewards = self.reward(run, items.conversations, embeddings=embeddings, cache=True, progress=progress)
        return items.score(rewards.reward, bootstrap=bootstrap, seed=seed, progress=progress)

    def reweighted(self, run: Run, weights: Mapping[str, float]) -> Run:
        """The run as it scores when its objectives have these weights whatever the prompt; see ``Run.reweighted``.

        Raises:
            ConfigError: this model has no objectives; or a name or number that is not allowed.
        """
        raise ConfigError(
            f"--weights: the model {self.kind!r} has no objectives that could be weighed; allowed: runs with several objectives",
            fix="leave --weights out, or score with a run that has several objectives",
        )

    def described(self, run: Run) -> dict[str, Any]:
        """More tables of ``posterior --json``, as plain types."""
        return {}

    def posterior_sections(self, run: Run) -> list[Section]:
        """Sections that ``probrm posterior`` shows below its table: what the parts of the run are, see ``probrm.report.blocks``."""
        return []

    def doubts(self, run: Run) -> list[tuple[bool, str]]:
        """What the report should say against this model's results in particular: whether it is grave, and a sentence."""
        return []

    def identifiability_blocks(self) -> Mapping[str, Callable[[Any], list[Any]]]:
        """How the report shows tables of ``metrics["identifiability"]`` that are the model's own, by name: each makes report blocks."""
        return {}

    def report_sections(self, run: Run) -> list[Section]:
        """Sections of the report that are the model's own, after the one on identifiability: see ``probrm.report.blocks``."""
        return []

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

    def other_rows(self, run: Run, source: str, spec: Any, **how: Any) -> tuple[FittedRows, list[str]]:
        """The rows of another file as the model was given those of the fit, and notes; ``how`` may have ``embeddings`` and ``progress``.

        Raises:
            ConfigError: this model does not say.
        """
        raise ConfigError(f"model {self.kind!r}: its rows cannot be compared with others", fix="write other_rows in its recipe")

    def row_predictions(self, run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
        """What the posterior says of each fitted row: the reward of an answer, or the probability that the chosen one is preferred.

        Raises:
            ConfigError: this model does not say.
        """
        raise ConfigError(f"model {self.kind!r}: it says nothing of fitted rows", fix="write row_predictions in its recipe")

    def no_loo(self, run: Run) -> str | None:
        """Why leave-one-out cannot weigh the run's draws anew; None where they are of the posterior of its likelihood."""
        return None

    def refit(self, run: Run, batch: Batch, **options: Unpack[FitOptions]) -> Fitted:
        """The run's model, with its settings, fitted to these rows another way: what a referee is asked for.

        Args:
            run: a fitted run; it is not changed.
            batch: some of its rows, standing for themselves alone.
            options: ``guide``, ``inference``, ``seed``, ``progress``, as in ``probrm.inference.fit``.

        Raises:
            NotImplementedError: the model has no posterior, or only one way to it.
        """
        return fit(copy.deepcopy(run.model), batch, **{"starts": 1, "device": "cpu", **options})

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Figures of the posterior by file stem; those that need the fitted rows only where they are given."""
        from probrm.recipes.run_figures import common_figures  # matplotlib: half a second

        return dict(common_figures(run))
