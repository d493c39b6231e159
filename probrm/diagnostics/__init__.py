"""What can be said of a fit afterwards: what identified it, whether it is calibrated, bounds on its error.

Names are loaded on first use, so importing the room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.diagnostics.certify import certificate
    from probrm.diagnostics.contraction import intercept_correlation
    from probrm.diagnostics.graph import Graph, user_content_graph
    from probrm.diagnostics.overlap import Overlap
    from probrm.diagnostics.pac_bayes import PacBound, global_bound, paper_bound
    from probrm.diagnostics.predictive import Check, predictive_checks
    from probrm.diagnostics.profile import FlatRange, flat_range
    from probrm.diagnostics.sbc import Ranks, Uniformity, rank, uniformity

__all__ = [
    "Check",
    "FlatRange",
    "Graph",
    "Overlap",
    "PacBound",
    "Ranks",
    "Uniformity",
    "certificate",
    "flat_range",
    "global_bound",
    "intercept_correlation",
    "paper_bound",
    "predictive_checks",
    "rank",
    "uniformity",
    "user_content_graph",
]

# Not here, because a module has their name: probrm.diagnostics.overlap.overlap, probrm.diagnostics.contraction.contraction and
# probrm.diagnostics.sbc_figure.sbc_figure.
__getattr__ = lazy(
    __name__,
    certify="certificate",
    contraction="intercept_correlation",
    graph="Graph user_content_graph",
    overlap="Overlap",
    pac_bayes="PacBound global_bound paper_bound",
    predictive="Check predictive_checks",
    profile="FlatRange flat_range",
    sbc="Ranks Uniformity rank uniformity",
)
