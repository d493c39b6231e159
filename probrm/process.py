"""A process written once, as its global latents and its rows: Pyro traces it, and a training's loss reads it without Pyro's handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyro
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from probrm.data.batch import Batch

AS_GUIDE = "as_guide"
"""In ``infer`` of a row's site: its prior is the very density that the guide draws from, and their divergence zero."""


class Statements(Protocol):
    """Takes the sample statements of rows: Pyro, or a loss that needs no trace."""

    def sample(
        self,
        name: str,
        density: Callable[[], Any],
        *,
        scale: float | Float[Tensor, " n"] = 1.0,
        obs: Tensor | None = None,
        as_guide: bool = False,
    ) -> Tensor:
        """The value of a site: observed, or drawn.

        Args:
            name: of the site.
            density: makes its distribution, batch shape ``(n,)``; called only where that is needed.
            scale: factor of its log density in each row.
            obs: the observed value.
            as_guide: see ``AS_GUIDE``.
        """
        ...

    def factor(self, name: str, log_factor: Float[Tensor, " n"], *, scale: float | Float[Tensor, " n"] = 1.0) -> None:
        """Adds to the log density of each row."""
        ...


class PyroStatements:
    """``pyro.sample`` and ``pyro.factor``, for use inside the plate of the rows."""

    def sample(
        self,
        name: str,
        density: Callable[[], Any],
        *,
        scale: float | Float[Tensor, " n"] = 1.0,
        obs: Tensor | None = None,
        as_guide: bool = False,
    ) -> Tensor:
        """Issues the site."""
        with poutine.scale(scale=scale):  # type: ignore[arg-type]
            return pyro.sample(name, density(), obs=obs, infer={AS_GUIDE: as_guide})  # type: ignore[typeddict-unknown-key]

    def factor(self, name: str, log_factor: Float[Tensor, " n"], *, scale: float | Float[Tensor, " n"] = 1.0) -> None:
        """Issues the site of a factor."""
        with poutine.scale(scale=scale):  # type: ignore[arg-type]
            pyro.factor(name, log_factor)


class Process(nn.Module):
    """``rows`` is the process of rows that are independent given what ``globals`` draws; ``forward`` makes a Pyro model of the two.

    A class with a ``forward`` of its own is traced like any other Pyro model.
    """

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents, by site."""
        return {}

    def rows(self, values: Mapping[str, Tensor], batch: Batch, statements: Statements) -> None:
        """The sites of a batch's rows, given one draw of the globals. They depend on tensors alone: a GPU replays a recorded step."""
        raise NotImplementedError

    def forward(self, batch: Batch, values: Mapping[str, Tensor] | None = None) -> None:
        """The process as a Pyro model; of a guide over rows, given a draw of the global latents that is its guide's."""
        values = self.globals() if values is None else values
        with pyro.plate("rows", len(batch), dim=-1):
            self.rows(values, batch, PyroStatements())

    @property
    def in_two_parts(self) -> bool:
        """Whether ``globals`` and ``rows`` are the whole process: ``forward`` is the one of this class."""
        return getattr(self.forward, "__func__", None) is Process.forward
