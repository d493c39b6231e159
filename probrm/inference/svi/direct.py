"""The terms of the bound at one draw, read directly from a process in two parts: no traces, and no handlers around the rows.

Nothing of a model is written twice: its ``rows`` are what Pyro traces. What this cannot read it leaves to a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from pyro.distributions.util import scale_and_mask
from pyro.infer.util import is_validation_enabled
from pyro.nn import PyroModule
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _PYRO_STACK
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import WhitenedGuide
from probrm.process import Process


@dataclass
class Terms:
    """What the bound is made of, at one draw of the guide's.

    Attributes:
        log_p: log densities of what is observed and of the global latents, each summed.
        log_q: log densities of the global latents in the guide.
        latents: of each latent of rows the guide's density, its prior, and the factor of their divergence in each row.
    """

    log_p: list[Float[Tensor, ""]] = field(default_factory=list)
    log_q: list[Float[Tensor, ""]] = field(default_factory=list)
    latents: list[tuple[Any, Any, Any]] = field(default_factory=list)


def log_density(site: Any) -> Float[Tensor, ""]:
    """Log density of a site's value, scaled and masked as Pyro does, summed."""
    return scale_and_mask(site["fn"].log_prob(site["value"]), site["scale"], site["mask"]).sum()


def direct_terms(model: Any, guide: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Terms | None:
    """The terms that traces would give at the same random numbers; None for what only traces can read.

    That is: a model or guide that is not in two parts, handlers around the loss or inside of ``rows``, sites of rows that do not go
    through ``statements``, a latent of rows that the guide does not draw. While Pyro's validation is on, traces are what it checks.
    """
    if is_validation_enabled() or _PYRO_STACK or kwargs or not is_readable(model, guide):
        return None
    try:
        return _read(model, guide, *args)
    except _Unreadable:
        return None


def is_readable(model: Any, guide: Any) -> bool:
    """Whether both are in two parts, whose values come from tensors alone."""
    return _in_two_parts(model) and _is_whitened(guide)


def _in_two_parts(process: Any) -> bool:
    return isinstance(process, Process) and process.in_two_parts and not isinstance(process, PyroModule)


def _is_whitened(guide: Any) -> bool:
    if not isinstance(guide, WhitenedGuide) or getattr(guide.forward, "__func__", None) is not WhitenedGuide.forward:
        return False
    return guide.local is None or _in_two_parts(guide.local)


def _read(model: Process, guide: WhitenedGuide, batch: Batch) -> Terms:
    terms, drawn, draws = Terms(), guide.draw(), _Draws(len(batch))
    if isinstance(guide.local, Process):
        with _StatementsOnly():
            guide.local.rows(drawn.values, batch, draws)
    with _Priors(drawn.values, terms):
        values = model.globals()
    with _StatementsOnly():
        model.rows(values, batch, _Rows(draws, terms))
    terms.log_q.append(drawn.log_density - sum(drawn.log_volumes.values()))
    return terms


class _Unreadable(Exception):
    pass


class _Priors(Messenger):
    """Gives global sites their drawn values, and collects their log densities."""

    def __init__(self, values: Mapping[str, Tensor], terms: Terms) -> None:
        super().__init__()
        self._values, self._terms = values, terms

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._values and not msg["is_observed"]:
            msg["value"], msg["done"] = self._values[msg["name"]], True

    def _pyro_post_sample(self, msg: Any) -> None:
        self._terms.log_p.append(log_density(msg))


class _StatementsOnly(Messenger):
    """Lets no site of rows go another way than through ``statements``, where its plate would be missed."""

    def _pyro_sample(self, msg: Any) -> None:
        raise _Unreadable


def _check_handlers() -> None:
    """A handler that ``rows`` opens has no effect on a statement."""
    if len(_PYRO_STACK) > 1:
        raise _Unreadable


class _Draws:
    """Statements of a guide's rows: draws them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.found: dict[str, tuple[Tensor, Any]] = {}

    def sample(self, name: str, density: Callable[[], Any], *, obs: Tensor | None = None, **_: Any) -> Tensor:
        _check_handlers()
        q = density()
        if q.batch_shape != (self.count,):
            q = q.expand((self.count,))  # as the plate does
        value = q() if obs is None else obs
        self.found[name] = value, q
        return value

    def factor(self, name: str, log_factor: Tensor, *, scale: Any = 1.0) -> None:
        """No part of the bound."""


class _Rows:
    """Statements of a model's rows: collects their terms, at a guide's draw."""

    def __init__(self, draws: _Draws, terms: Terms) -> None:
        self._draws, self._terms = draws, terms

    def sample(
        self, name: str, density: Callable[[], Any], *, scale: Any = 1.0, obs: Tensor | None = None, as_guide: bool = False
    ) -> Tensor:
        if obs is not None:
            self.factor(name, density().log_prob(obs), scale=scale)
            return obs
        _check_handlers()
        if name not in self._draws.found:
            raise _Unreadable
        value, q = self._draws.found[name]
        if not as_guide:
            self._terms.latents.append((q, density(), scale))
        return value

    def factor(self, name: str, log_factor: Float[Tensor, " n"], *, scale: Any = 1.0) -> None:
        _check_handlers()
        self._terms.log_p.append((log_factor * scale).expand(self._draws.count).sum())  # one number is every row's, as in the plate
