"""Which sites of a trace belong to a row, and which are global."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyro import poutine
from pyro.poutine.messenger import Messenger

PLATE = "rows"
"""The plate that every model puts its rows into."""


def in_rows(site: Any) -> bool:
    """Whether a trace's site stands inside the plate of the rows, or is that plate."""
    return site["name"] == PLATE or any(frame.name == PLATE for frame in site.get("cond_indep_stack", ()))


def global_latents(trace: Any) -> dict[str, Any]:
    """The sites of a trace that are latent and belong to no row, without a guide's helpers, in the trace's order."""
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site["is_observed"] and not in_rows(site) and not (site["infer"] or {}).get("is_auxiliary")
    }


class _AtRows(Exception):
    pass


class _StopAtRows(Messenger):
    """Leaves a model where its rows begin: what stands before is its prior."""

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] == PLATE:
            raise _AtRows


def trace_globals(model: Callable[..., object], *args: Any) -> Any:
    """The trace of a model's run up to its plate of rows."""
    tracer = poutine.trace()
    with tracer:
        try:
            with _StopAtRows():
                model(*args)
        except _AtRows:
            pass
    return tracer.trace
