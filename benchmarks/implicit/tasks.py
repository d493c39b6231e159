"""What is fitted: one cell of the benchmark, and the grids that its tables and studies need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

ANCHORS = (0, 10, 50, 200)
RATES = (0.05, 0.1, 0.2, 0.4, 0.8)
LEARNING_RATES = (0.001, 0.01, 0.1)
BATCH_SIZES = (32, 128, 512)
GRID = ("label", "independent", "against", "user", "constant")
"""The mechanisms of the main grid. ``selected`` can be asked for: its logs have about a quarter of the rows, and labels of their own."""
STUDY = "independent"
"""The mechanism of the sensitivity studies, which have no labels."""


@dataclass(frozen=True)
class Task:
    """One fit. The seed moves the split, the users and covariates, the mask and the anchors.

    Attributes:
        data: name of the set.
        mechanism: what drives the propensity.
        anchors: explicit labels among the training rows; under selected in addition to those of the randomised part.
        seed: see above.
        method: name of the method.
        rate: mean of the propensity.
        alpha: of the mechanisms label, against and selected.
        learning_rate: 0: as the method has it by default; of Adam else.
        batch_size: likewise.
    """

    data: str
    mechanism: str
    anchors: int
    seed: int
    method: str
    rate: float = 0.2
    alpha: float = 0.5
    learning_rate: float = 0.0
    batch_size: int = 0

    @property
    def key(self) -> str:
        """A file's name."""
        return "_".join(f"{value:g}" if isinstance(value, float) else str(value) for value in asdict(self).values())

    @property
    def log(self) -> Task:
        """The task without its method: tasks of one log share what is computed for it."""
        return replace(self, method="", learning_rate=0.0, batch_size=0)

    @property
    def asked(self) -> Task:
        """The task that is run for this one: the oracle knows everything, so neither masks nor anchors change it."""
        if self.method != "oracle":
            return self
        return Task(self.data, "constant", 0, self.seed, "oracle")


def main_grid(
    datasets: Iterable[str], mechanisms: Iterable[str], anchors: Iterable[int], seeds: Iterable[int], methods: Iterable[str]
) -> list[Task]:
    """Every method in every setting, seed by seed, so that an interrupted run has something whole to show."""
    found = [
        Task(data, mechanism, count, seed, method).asked
        for seed in seeds
        for data in datasets
        for mechanism in mechanisms
        for count in anchors
        for method in methods
    ]
    return list(dict.fromkeys(found))


def rate_study(datasets: Iterable[str], seeds: Iterable[int], methods: Iterable[str]) -> list[Task]:
    """Share of good answers that draw an action, from .05 to .8."""
    found = [
        Task(data, STUDY, 0, seed, method, rate=rate).asked for seed in seeds for data in datasets for rate in RATES for method in methods
    ]
    return list(dict.fromkeys(found))


def learning_study(datasets: Iterable[str], seeds: Iterable[int], methods: Sequence[str]) -> list[Task]:
    """Learning rate × batch size for whatever is trained by Adam."""
    return [
        Task(data, STUDY, 0, seed, method, learning_rate=rate, batch_size=size)
        for seed in seeds
        for data in datasets
        for method in methods
        for rate in LEARNING_RATES
        for size in BATCH_SIZES
    ]
