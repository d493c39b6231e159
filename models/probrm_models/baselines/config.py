"""What can be set on a baseline. A setting that a method has no use for is refused where its name comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from probrm.bounds import Count, Positive
from probrm.errors import ConfigError

Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BaselineConfig:
    """Settings of the baselines; the same defaults, and the same budget of tuning, for all.

    Attributes:
        l2: precisions of the reward weights that are tried. Weights act on the embedding over √d, so ``1/√l2`` is the standard
            deviation of the reward over rows that it allows for.
        optimiser: ``lbfgs`` takes all rows and runs until it has converged, ``adam`` takes minibatches.
        learning_rate: of Adam.
        batch_size: rows a step of Adam.
        epochs: passes over the rows of Adam.
        propensity_l2: precision of the coefficients of the propensity's logistic regression, users among them.
        percentile: of the estimated action probabilities, which counts as propensity 1.
        power: of the relative propensity; Rel-MF takes the root.
        floor: lower bound of a propensity that something is divided by.
        partners: rows that each acted row is paired with (``unbiased-bpr``).
        nonnegative: whether negative weights of pairs count as 0, as in the paper's experiments (``unbiased-bpr``).
        iterations: at most, of the EM algorithm.
    """

    l2: tuple[Positive, ...] = Field(default=(0.05, 0.25, 1.0, 5.0, 25.0), min_length=1, max_length=1000)
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    learning_rate: Positive = 0.02
    batch_size: Count = 256
    epochs: Count = 50
    propensity_l2: Positive = 1.0
    percentile: Annotated[float, Field(gt=0, le=100)] = 99.0
    power: Positive = 1.0
    floor: Share = 1e-3
    partners: Count = 20
    nonnegative: bool = True
    iterations: Count = 200


_COMMON = ("l2", "optimiser", "learning_rate", "batch_size", "epochs")
_RELATIVE = ("propensity_l2", "percentile", "power", "floor")
_USED: dict[str, tuple[str, ...]] = {
    "ips": _RELATIVE,
    "doubly-robust": _RELATIVE,
    "rel-mf": _RELATIVE,
    "unbiased-bpr": (*_RELATIVE, "partners", "nonnegative"),
    "sar-em": ("propensity_l2", "iterations"),
    "recrec": ("propensity_l2", "iterations"),
}
_OWN: dict[str, dict[str, Any]] = {"rel-mf": {"power": 0.5, "floor": 0.1}, "doubly-robust": {"floor": 0.5}}
"""Where a method's paper, or its purpose, asks for other values than the common ones."""


def default_config(name: str) -> BaselineConfig:
    """The settings of the method ``name`` when nothing is said."""
    return BaselineConfig(**_OWN.get(name, {}))


def settings_of(name: str, config: BaselineConfig) -> dict[str, Any]:
    """The settings that the method uses, as JSON."""
    values = asdict(config)
    return {key: list(values[key]) if key == "l2" else values[key] for key in (*_COMMON, *_USED.get(name, ()))}


def config_from(name: str, settings: Mapping[str, Any]) -> BaselineConfig:
    """Settings of the method ``name`` from nested plain types; what is not said keeps its default.

    Raises:
        ConfigError: a setting of other methods.
        pydantic.ValidationError: an unknown name, or a value that is not allowed.
    """
    known = settings_of(name, default_config(name))
    unused = [key for key in settings if key not in known and key in BaselineConfig.__dataclass_fields__]
    if unused:
        raise ConfigError(f"model.{unused[0]}: {name} has no use for it; allowed here: {', '.join(known)}", fix="leave the setting out")
    return TypeAdapter(BaselineConfig).validate_python(known | dict(settings))
