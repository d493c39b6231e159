"""The evidence lower bound with its Kullback–Leibler terms in the open: weighted, warmed up, with a floor in nats."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from pyro import poutine
from pyro.distributions import Delta
from pyro.infer import ELBO
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor
from torch.distributions import Independent, kl_divergence

from probrm.coordinates.sites import in_rows
from probrm.inference.svi.direct import Terms, direct_terms, log_density
from probrm.process import AS_GUIDE


def divergence(q: Any, p: Any) -> Float[Tensor, "n d"]:
    """``KL(q ‖ p)`` of n rows in closed form, by dimension where the densities have independent ones, else ``(n, 1)``."""
    if isinstance(q, Independent) and isinstance(p, Independent):
        return kl_divergence(q.base_dist, p.base_dist)
    return kl_divergence(q, p).unsqueeze(-1)


class LocalKLELBO(ELBO):
    """``−E_q[log p(observed | latents)] + KL(globals) + β Σ_rows KL(local latents)``: the loss.

    Local latents (sites inside the plate ``rows``) enter by their closed-form divergence, times the scale that the model
    gives their site; global ones by ``log q − log p`` at the draw, which the guides' gradients are made for. With
    ``weight = 1`` and neither warm-up nor free bits it estimates the same bound as Pyro's ``TraceMeanField_ELBO``.

    Remedies for a posterior that collapses onto its prior:

    - warm-up: β rises linearly from 0 to ``weight`` over the first ``warmup`` steps (Bowman et al. 2016, arXiv 1511.06349);
    - free bits: the divergence of one dimension of a local latent, averaged over the rows, counts as no less than
      ``free_bits`` nats, so that nothing is won by pressing it lower (Kingma et al. 2016, arXiv 1606.04934, appendix C.8).

    Args:
        weight: β.
        warmup: steps until β reaches it; 0 for none. They are counted in the guide's buffer ``steps``, which a checkpoint keeps.
        free_bits: nats a dimension.
    """

    def __init__(self, weight: float = 1.0, warmup: int = 0, free_bits: float = 0.0) -> None:
        super().__init__(max_plate_nesting=1)
        self.weight, self.warmup, self.free_bits = weight, warmup, free_bits

    def beta(self, step: int) -> float:
        """The weight at ``step``, counted from 0."""
        return self.weight * min(1.0, step / self.warmup) if self.warmup else self.weight

    def differentiable_loss(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Tensor:
        """One draw's estimate of the loss, a scalar with gradients for both."""
        beta: Any = self.weight
        if self.warmup:
            # On the guide's device: asking for the count would make the host wait in every step.
            beta = self.weight * (guide.steps.double() / self.warmup).clamp(max=1.0)
        terms = direct_terms(model, guide, args, kwargs) or self._traced(model, guide, args, kwargs)
        if self.warmup:
            guide.steps += int(torch.is_grad_enabled())  # a look at the loss is no step
        loss: Any = 0.0
        for log_p in terms.log_p:
            loss = loss - log_p
        for q, p, scale in terms.latents:
            nats = self._floored(divergence(q, p), scale)
            loss = loss + (beta.to(nats) if isinstance(beta, Tensor) else beta) * nats
        for log_q in terms.log_q:
            loss = loss + log_q
        return loss

    def loss(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> float:
        """The same as a number."""
        with torch.no_grad():
            return float(self.differentiable_loss(model, guide, *args, **kwargs))

    def _traced(self, model: Any, guide: Any, args: Any, kwargs: Any) -> Terms:
        """The terms of any Pyro model and guide."""
        joint, drawn = self._get_trace(model, guide, args, kwargs)
        terms = Terms()
        for name, site in _samples(joint):
            if site["is_observed"] or not in_rows(site):
                terms.log_p.append(log_density(site))
            elif not site["infer"].get(AS_GUIDE):
                terms.latents.append((drawn.nodes[name]["fn"], site["fn"], site["scale"]))
        terms.log_q += [_log_density(site) for _, site in _samples(drawn) if not in_rows(site)]
        return terms

    def _get_trace(self, model: Any, guide: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Traces of model and guide at one draw from the guide."""
        drawn = poutine.trace(guide).get_trace(*args, **kwargs)
        with _Replay(drawn):
            joint = poutine.trace(model).get_trace(*args, **kwargs)
        return prune_subsample_sites(joint), prune_subsample_sites(drawn)

    def _floored(self, nats: Float[Tensor, "n d"], scale: Any) -> Tensor:
        rows = (scale.to(nats) if isinstance(scale, Tensor) else nats.new_full((), scale)).expand(len(nats))
        if not self.free_bits:
            return (nats.sum(-1) * rows).sum()
        total = rows.sum()
        return ((nats * rows[:, None]).sum(0) / total).clamp(min=self.free_bits).sum() * total


class _Replay(Messenger):
    """Gives latents the guide's values; unlike ``poutine.replay`` it keeps the model's ``infer``."""

    def __init__(self, drawn: Any) -> None:
        super().__init__()
        self._drawn = drawn

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._drawn and not msg["is_observed"]:
            msg["value"], msg["done"] = self._drawn.nodes[msg["name"]]["value"], True


def _log_density(site: Any) -> Tensor:
    """Of a site at its own value; that of a guide's Delta needs no comparing."""
    fn = site["fn"]
    density: Any = fn.log_density if isinstance(fn, Delta) else fn.log_prob(site["value"])
    return density.sum()


def _samples(trace: Any) -> list[tuple[str, Any]]:
    return [(name, site) for name, site in trace.nodes.items() if site["type"] == "sample"]
