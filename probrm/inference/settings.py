"""What can be set on each way of inference (the ``[inference]`` table)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from probrm.bounds import Count, Draws, Few, NonNegative, Positive
from probrm.errors import ConfigError

if TYPE_CHECKING:
    from probrm.guides import GuideLike
    from probrm.inference.svi.checkpoint import Checkpoint
    from probrm.progress import Progress

_SETTINGS = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_SETTINGS)
class SVI:
    """Stochastic variational inference, from the Newton–Laplace start where heads are linear.

    Attributes:
        learning_rate: of the guide, in units of posterior standard deviations a step.
        network_learning_rate: of trunks and amortised guides.
        weight_decay: of trunks.
        batch_size: rows a step; None takes all rows, of many with linear heads 4,096 against their expansion around the mode, and of what
            has no expansion as many as hold 20 million numbers.
        max_steps: a bound; early stopping usually comes first.
        eval_every: steps between looks at the held-out likelihood of the observed action.
        patience: looks without improvement before the learning rate falls (twice, by 4), then the end.
        draws: from the fitted guide.
        refit: after early stopping, fit again on all rows, the held-out ones included, for the same number of steps.
        cuda_graph: on a GPU, record a step and replay it (``svi/recorded.py``). Turn it off for a model whose ``rows`` depend on something that
            changes in Python from step to step.
    """

    name: Literal["svi"] = "svi"
    learning_rate: Positive = 0.02
    network_learning_rate: Positive = 0.002
    weight_decay: NonNegative = 1e-4
    batch_size: Count | None = None
    max_steps: Count = 4000
    eval_every: Count = 25
    patience: Count = 4
    draws: Draws = 1000
    refit: bool = True
    cuda_graph: bool = True


@dataclass(frozen=True, config=_SETTINGS)
class Laplace:
    """The Newton–Laplace solution as it is, without SVI."""

    name: Literal["laplace"] = "laplace"
    draws: Draws = 1000
    refit: bool = True


@dataclass(frozen=True, config=_SETTINGS)
class NUTS:
    """The No-U-Turn sampler in Laplace-whitened coordinates (Hoffman & Gelman 2014), with split steps (``split_nuts``).

    Attributes:
        warmup: trajectories of each chain that tune its step.
        draws: of all chains together; rounded up to a multiple of ``chains``.
        chains: run one after the other; two or more tell whether they agree (R̂).
        refit: on all rows, the held-out ones included.
        thin: trajectories for each draw that is kept; more make draws less dependent at the same size of the run.
        target_acceptance: acceptance probability, in (0, 1), that the warm-up tunes the step to; higher makes steps shorter.
    """

    name: Literal["nuts"] = "nuts"
    warmup: Count = 150
    draws: Draws = 1000
    chains: Few = 2
    refit: bool = True
    thin: Count = 3
    target_acceptance: float = Field(default=0.8, gt=0, lt=1)


InferenceConfig = SVI | Laplace | NUTS
INFERENCES: dict[str, type] = {"svi": SVI, "laplace": Laplace, "nuts": NUTS}


def inference_config(inference: str | InferenceConfig) -> InferenceConfig:
    """The configuration that a name stands for.

    Raises:
        ConfigError: an unknown name; lists the valid ones.
    """
    if not isinstance(inference, str):
        return inference
    if inference not in INFERENCES:
        raise ConfigError(
            f"unknown inference {inference!r}; allowed: {', '.join(INFERENCES)}",
            fix=f"name one of them, e.g. --inference {next(iter(INFERENCES))}",
        )
    return INFERENCES[inference]()


class FitOptions(TypedDict, total=False):
    """How a model is fitted: keyword arguments of ``probrm.inference.fit``, handed from room to room as they are."""

    guide: GuideLike
    inference: str | InferenceConfig
    starts: int
    seed: int
    device: str
    checkpoint: Checkpoint | None
    progress: Progress
