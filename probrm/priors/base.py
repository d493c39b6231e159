"""What a prior is, and how a name in a TOML file becomes one."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

import pyro
import torch
from pydantic import BeforeValidator, ConfigDict, TypeAdapter
from pyro import poutine
from pyro.distributions import Independent
from torch import Tensor

from probrm.bounds import LARGEST, SMALLEST
from probrm.priors.filling import on_default_device

SETTINGS = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""For the pydantic dataclasses of this room: a misspelt field is an error, fields may hold other priors."""

_HYPER: Any = {"hyper": True}
"""The mark of a scale's site."""
_REGISTRY: dict[str, type] = {}
_Class = TypeVar("_Class", bound=type)


@runtime_checkable
class Prior(Protocol):
    """Anything that can issue the sample site(s) of a parameter."""

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues ``pyro.sample(name, …)`` (and the sites of its own scales, as ``name_…``); returns a tensor of ``shape``."""
        ...


def register_prior(cls: _Class) -> _Class:
    """Class decorator: makes a prior known to TOML, ``--set`` and saved runs under its class name, once its module is imported.

    The command line imports the modules that installed packages name under the entry-point group ``probrm.priors``: ``Name = "module:Name"``.
    """
    _REGISTRY[cls.__name__] = cls
    return cls


def _is_registered(name: str) -> bool:
    """Whether a prior has this name; one of an installed package, entry-point group ``probrm.priors``, is imported for it."""
    if name not in _REGISTRY:
        for entry in entry_points(group="probrm.priors", name=name):
            entry.load()
    return name in _REGISTRY


def prior_names() -> list[str]:
    """The names that ``dist = "…"`` may have."""
    return sorted(_REGISTRY)


@dataclasses.dataclass(frozen=True)
class _FromDistribution:
    """A plain scalar distribution of Pyro or torch, used as it is for every entry."""

    distribution: Any

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        return pyro.sample(name, Independent(on_default_device(self.distribution).expand(shape), len(shape)))


def as_prior(value: Any) -> Any:
    """A prior from a prior, a Pyro/torch distribution, or a mapping ``{"dist": NAME, …fields}``.

    Raises:
        ValueError: unknown name (lists the valid ones), missing ``dist``, or a value of another kind.
    """
    if isinstance(value, torch.distributions.Distribution):
        return _FromDistribution(value)
    if isinstance(value, Mapping):
        fields = dict(value)
        name = fields.pop("dist", None)
        if name is None:
            raise ValueError(f'a prior needs dist = "NAME"; allowed names: {", ".join(prior_names())}')
        if not isinstance(name, str) or not _is_registered(name):
            close = difflib.get_close_matches(str(name), prior_names(), n=1, cutoff=0.5)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"unknown prior {name!r}{hint}; allowed names: {', '.join(prior_names())}")
        return TypeAdapter(_REGISTRY[name]).validate_python(fields)
    if isinstance(value, Prior) and not isinstance(value, type):
        return value
    raise ValueError(f'found {value!r}; a prior is a table {{dist = "NAME", …}} with one of {", ".join(prior_names())}')


PriorSlot = Annotated[Any, BeforeValidator(as_prior)]
"""A field that holds a prior, however it was given."""


def as_scale(value: Any) -> Any:
    """A positive number, or a prior over one."""
    if isinstance(value, bool) or (isinstance(value, int | float) and not SMALLEST <= value <= LARGEST):
        raise ValueError(f"found {value!r}; a scale is a positive number ({SMALLEST:g} to {LARGEST:g}) or a prior table")
    return float(value) if isinstance(value, int | float) else as_prior(value)


Scale = Annotated[Any, BeforeValidator(as_scale)]


def check_centre(prior: Any) -> None:
    """Weights whose scale is to be learned lie around zero: the scale's evidence is that of their squares.

    Raises:
        ValueError: ``loc`` is not 0 although the scale has a prior.
    """
    if prior.loc != 0 and not isinstance(prior.scale, int | float):
        raise ValueError(f"loc = {prior.loc:g} with a prior on the scale; allowed: loc = 0, or a number for the scale")


def sample_scale(scale: float | Prior, name: str) -> float | Tensor:
    """The scale's value: the number itself, or a draw from its prior at the site ``name_scale``, marked as in ``hyper``."""
    if isinstance(scale, int | float):
        return scale
    with poutine.infer_config(config_fn=lambda site: _HYPER):
        return scale.sample(f"{name}_scale")


def hyper(name: str, distribution: Any) -> Tensor:
    """A sample site of a prior's own scale.

    The mark lets the Newton–Laplace start estimate scales by their evidence: a joint mode over weights and their
    scale does not exist (its density grows without bound as both go to zero).
    """
    return pyro.sample(name, distribution, infer=_HYPER)


def prior_to_dict(prior: Any) -> Any:
    """The TOML/JSON form of a prior (``{"dist": …, …}``); a number stays a number.

    Raises:
        ValueError: a prior that is not registered has no name to be restored by.
    """
    if isinstance(prior, int | float):
        return prior
    cls = type(prior)
    if _REGISTRY.get(cls.__name__) is not cls:
        raise ValueError(f"the prior {prior!r} has no registered name; decorate its class with probrm.priors.register_prior")
    return {"dist": cls.__name__} | {f.name: prior_to_dict(getattr(prior, f.name)) for f in dataclasses.fields(prior)}
