"""Which sites of a trace belong to a row, and which are global."""

from __future__ import annotations

from typing import Any

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
