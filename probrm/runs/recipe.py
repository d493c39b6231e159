"""How a model meets files: what each model adds to the command line's verbs, found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from probrm.errors import ConfigError
from probrm.progress import Progress, silent

if TYPE_CHECKING:
    import pyarrow as pa

    from probrm.config import FitConfig
    from probrm.data import LogSpec
    from probrm.encoders import Encoder
    from probrm.evaluation import Evaluation
    from probrm.runs.run import Run

GROUP = "probrm.recipes"
"""The entry-point group that models are registered under: ``name = "package.module:RecipeClass"``."""


class Recipe(ABC):
    """One model's way from files to a run and back. Stateless; what was fitted lives in the ``Run``."""

    kind: ClassVar[str]
    summary: ClassVar[str]
    """One line for ``probrm fit --help``."""

    @abstractmethod
    def model_settings(self) -> dict[str, Any]:
        """The defaults of the ``[model]`` table, as nested plain types."""

    @abstractmethod
    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Validated ``[model]`` settings in their full form.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """

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
        self, run: Run, source: str, spec: LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """The input's rows with the contract's columns, and notes."""

    @abstractmethod
    def evaluate(
        self,
        run: Run,
        source: str,
        spec: LogSpec,
        *,
        embeddings: str | Encoder | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
        progress: Progress = silent,
    ) -> tuple[Evaluation, list[str]]:
        """Metrics against the truth in the file, beside the baseline's, and notes on the data."""

    @abstractmethod
    def reward(self, run: Run, conversations: Sequence[Any], *, progress: Progress = silent) -> Any:
        """Rewards of conversations given in code."""

    @abstractmethod
    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """Everything about one row of the fitted data, by id."""

    @abstractmethod
    def figures(self, run: Run) -> dict[str, Any]:
        """Figures of the posterior by file stem."""


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def recipe_names() -> list[str]:
    """The models that are installed, probrm's own and others'."""
    return sorted(_entries())


def find_recipe(kind: str) -> Recipe:
    """The recipe registered under ``kind``.

    Raises:
        ConfigError: there is none; lists those there are.
    """
    entries = _entries()
    if kind not in entries:
        raise ConfigError(
            f"unknown model {kind!r}; installed: {', '.join(sorted(entries)) or 'none'}",
            fix="name one of them, or install the package that has it",
        )
    return entries[kind].load()()
