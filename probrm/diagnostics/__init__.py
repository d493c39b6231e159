"""What can be said of a fit afterwards: what identified it, whether it is calibrated, bounds on its error.

Names are loaded on first use, so importing the room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.diagnostics.agreement import Agreement, agreements
    from probrm.diagnostics.approximation import Approximation, assess, resample, systematic, weights
    from probrm.diagnostics.certify import certificate
    from probrm.diagnostics.contraction import intercept_correlation
    from probrm.diagnostics.graph import Graph, user_content_graph
    from probrm.diagnostics.likelihood_interval import FlatRange, flat_range
    from probrm.diagnostics.overlap import Overlap
    from probrm.diagnostics.pac_bayes import PacBound, global_bound, paper_bound
    from probrm.diagnostics.predictive import Check, predictive_checks
    from probrm.diagnostics.referee import RefereeReport
    from probrm.diagnostics.sampler import SamplerQuality, sampler_quality
    from probrm.diagnostics.sbc import Ranks, Uniformity, rank, uniformity
    from probrm.diagnostics.trust import Trust

__all__ = [
    "Agreement",
    "Approximation",
    "Check",
    "FlatRange",
    "Graph",
    "Overlap",
    "PacBound",
    "Ranks",
    "RefereeReport",
    "SamplerQuality",
    "Trust",
    "Uniformity",
    "agreements",
    "assess",
    "certificate",
    "flat_range",
    "global_bound",
    "intercept_correlation",
    "paper_bound",
    "predictive_checks",
    "rank",
    "resample",
    "sampler_quality",
    "systematic",
    "uniformity",
    "user_content_graph",
    "weights",
]

# Not here, because a module has their name: probrm.diagnostics.overlap.overlap, probrm.diagnostics.trust.trust, probrm.diagnostics.referee.referee,
# probrm.diagnostics.contraction.contraction and probrm.diagnostics.sbc_figure.sbc_figure.
__getattr__ = lazy(
    __name__,
    agreement="Agreement agreements",
    approximation="Approximation assess resample systematic weights",
    certify="certificate",
    contraction="intercept_correlation",
    graph="Graph user_content_graph",
    overlap="Overlap",
    pac_bayes="PacBound global_bound paper_bound",
    predictive="Check predictive_checks",
    likelihood_interval="FlatRange flat_range",
    referee="RefereeReport",
    sampler="SamplerQuality sampler_quality",
    sbc="Ranks Uniformity rank uniformity",
    trust="Trust",
)
