"""The global latents of a model as one flat, unconstrained vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from jaxtyping import Bool, Float
from pyro import poutine
from torch import Tensor
from torch.distributions import ComposeTransform, IndependentTransform, biject_to

from probrm.coordinates.sites import global_latents
from probrm.data.batch import Batch
from probrm.model import RewardModel


@dataclass(frozen=True)
class Site:
    """One global sample site and its place in the flat vector.

    Attributes:
        name: of the site.
        shape: of a value.
        flat: slice of the flat vector.
        transform: from ℝ to the site's support; its ``infer["transform"]`` where it names one.
        hyper: whether it is a prior's own scale.
    """

    name: str
    shape: tuple[int, ...]
    flat: slice
    transform: Any
    hyper: bool


@dataclass(frozen=True)
class Layout:
    """Where each global site stands in the flat vector; the exchangeable block, if any, stands first.

    Attributes:
        sites: in the order of the flat vector.
        exchangeable: length of the leading block whose entries are conditionally independent (users' effects).
    """

    sites: tuple[Site, ...]
    exchangeable: int = 0

    @classmethod
    @torch.no_grad()
    def of(cls, model: RewardModel, batch: Batch) -> Layout:
        """Reads the sites off one run of the model; those inside plate ``rows`` are local and left out."""
        with poutine.block(), torch.random.fork_rng(devices=[]):
            trace = poutine.trace(model).get_trace(batch.slice(0, 1).widened())
        nodes = global_latents(trace)
        first = model.exchangeable
        sites, start = [], 0
        for name in sorted(nodes, key=lambda n: n != first):  # stable: the model's own order otherwise
            node = nodes[name]
            shape = tuple(node["value"].shape)
            stop = start + prod(shape)
            transform = node["infer"].get("transform") or biject_to(node["fn"].support)
            sites.append(Site(name, shape, slice(start, stop), transform, bool(node["infer"].get("hyper"))))
            start = stop
        return cls(tuple(sites), sites[0].flat.stop if sites and sites[0].name == first else 0)

    @property
    def size(self) -> int:
        """Length ``D`` of the flat vector."""
        return self.sites[-1].flat.stop

    def hyper(self) -> Bool[Tensor, " D"]:
        """Which coordinates are scales of priors."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        for site in self.sites:
            mask[site.flat] = site.hyper
        return mask

    def constrain(self, z: Float[Tensor, "*s D"]) -> dict[str, Tensor]:
        """Values by site name, each ``(*s, *shape)``."""
        return {site.name: site.transform(flat) for site, flat in self._parts(z)}

    def log_jacobians(self, z: Float[Tensor, "*s D"]) -> dict[str, Float[Tensor, "*s"]]:
        """``log |d value / d z|`` of each site."""
        return self.constrain_and_log_jacobians(z)[1]

    def constrain_and_log_jacobians(self, z: Float[Tensor, "*s D"]) -> tuple[dict[str, Tensor], dict[str, Float[Tensor, "*s"]]]:
        """The two together, which costs little more than either."""
        values, log_jacobians = {}, {}
        for site, flat in self._parts(z):
            values[site.name] = value = site.transform(flat)
            if _is_identity(site.transform):
                log_jacobians[site.name] = z.new_zeros(z.shape[:-1])
                continue
            log_det = site.transform.log_abs_det_jacobian(flat, value)
            log_jacobians[site.name] = log_det.reshape(*z.shape[:-1], -1).sum(-1) if site.shape else log_det
        return values, log_jacobians

    def unconstrain(self, values: Mapping[str, Tensor]) -> Float[Tensor, "*s D"]:
        """The inverse of ``constrain``."""
        parts = []
        for site in self.sites:
            value = values[site.name]
            lead = value.shape[: value.dim() - len(site.shape)]
            parts.append(site.transform.inv(value).reshape(*lead, prod(site.shape)))
        return torch.cat(parts, -1)

    def _parts(self, z: Float[Tensor, "*s D"]) -> Iterator[tuple[Site, Tensor]]:
        """Each site with its unconstrained values; split, since the gradients of slices are as many vectors of full length."""
        for site, part in zip(self.sites, z.split([prod(site.shape) for site in self.sites], -1), strict=True):
            yield site, part.reshape((*z.shape[:-1], *site.shape))


def _is_identity(transform: Any) -> bool:
    """Whether a site is unconstrained: nothing to work out then."""
    inner = transform.base_transform if isinstance(transform, IndependentTransform) else transform
    return isinstance(inner, ComposeTransform) and not inner.parts
