"""Pyro's two bounds without their looks at values, which make the host wait for a GPU several times in every step.

``Trace_ELBO`` asks each site for its log density as a Python number, and both warn of a loss or a gradient that is NaN; a training
loop looks at the loss itself now and then. The gradients are Pyro's, to the bit.
"""

from __future__ import annotations

from typing import Any

import torch
from pyro.distributions.util import is_identically_zero
from pyro.infer import Trace_ELBO, TraceEnum_ELBO
from pyro.infer.trace_elbo import _compute_log_r
from pyro.infer.traceenum_elbo import _compute_dice_elbo
from torch import Tensor

from probrm.inference.svi.direct import direct_terms


class TraceBound(Trace_ELBO):
    """``Trace_ELBO`` of one draw, as a loss."""

    def differentiable_loss(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The loss, whose gradient is that of Pyro's surrogate."""
        terms = direct_terms(model, guide, args, kwargs) if getattr(guide, "local", None) is None else None
        if terms is not None:  # each site of the guide is reparameterised then: the surrogate is the bound itself
            return torch.stack(terms.log_q).sum() - torch.stack(terms.log_p).sum()
        [(model_trace, guide_trace)] = self._get_traces(model, guide, args, kwargs)
        bound: Any = 0
        surrogate: Any = 0
        for site in _samples(model_trace):
            bound = bound + site["log_prob_sum"].detach()
            surrogate = surrogate + site["log_prob_sum"]
        weights = None
        for site in _samples(guide_trace):
            _, score_function, entropy = site["score_parts"]
            bound = bound - site["log_prob_sum"].detach()
            if not is_identically_zero(entropy):
                surrogate = surrogate - entropy.sum()
            if not is_identically_zero(score_function):  # a site that cannot be reparameterised
                weights = _compute_log_r(model_trace, guide_trace) if weights is None else weights
                surrogate = surrogate + (weights.sum_to(site["cond_indep_stack"]) * score_function).sum()
        return -bound + (surrogate.detach() - surrogate)


class EnumeratedBound(TraceEnum_ELBO):
    """``TraceEnum_ELBO`` of one draw, as a loss."""

    def differentiable_loss(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The loss with its gradient."""
        return -torch.as_tensor(sum(_compute_dice_elbo(*traces) for traces in self._get_traces(model, guide, args, kwargs)))


def _samples(trace: Any) -> list[Any]:
    return [site for site in trace.nodes.values() if site["type"] == "sample"]
