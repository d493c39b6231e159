"""The guide over all global latents, and what any guide must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from probrm.coordinates.layout import Layout
from probrm.coordinates.sites import global_latents
from probrm.data.batch import Batch
from probrm.process import Process


@runtime_checkable
class Guide(Protocol):
    """A callable with the model's signature that issues the model's latent sites; a module where it has parameters."""

    def __call__(self, batch: Batch) -> object:
        """Issues the sites."""
        ...


@dataclass(frozen=True)
class Drawn:
    """One draw of the global latents.

    Attributes:
        epsilon: in whitened coordinates, ``(D,)``.
        log_density: of the family there.
        values: by site.
        log_volumes: ``log |d value / d ε|``, by site; their sum is that of all sites together.
    """

    epsilon: Float[Tensor, " D"]
    log_density: Float[Tensor, ""]
    values: dict[str, Tensor]
    log_volumes: dict[str, Float[Tensor, ""]]


class WhitenedGuide(nn.Module):
    """``ε ~ family``, ``z = coordinates(ε)``, then each site through its constraint.

    Args:
        layout: the model's global latents.
        coordinates: the fixed map: ``Whitening`` or ``ScaleAdaptive`` from the Newton–Laplace start, or any module like them.
        family: the density that is learned.
        local: a guide over the rows' latents, where they are not summed out; a ``Process`` is given the globals, too.
    """

    steps: Tensor

    def __init__(self, layout: Layout, coordinates: nn.Module, family: nn.Module, local: nn.Module | None = None) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # of a training whose objective changes as it goes on
        self.layout = layout
        self.coordinates: Any = coordinates
        self.family = family
        self.local = local

    def forward(self, batch: Batch) -> None:
        """Issues every global site of the model, then the local ones."""
        drawn = self.draw()
        density = dist.Delta(drawn.epsilon, log_density=drawn.log_density, event_dim=1)  # type: ignore[arg-type]
        pyro.sample("whitened", density, infer={"is_auxiliary": True})
        for name, value in drawn.values.items():
            volume = -drawn.log_volumes[name]
            pyro.sample(name, dist.Delta(value, log_density=volume, event_dim=value.dim()))  # type: ignore[arg-type]
        if self.local is not None:
            self.local(batch, drawn.values) if isinstance(self.local, Process) else self.local(batch)

    def draw(self) -> Drawn:
        """A reparameterised draw of all global latents, with its density's own parameters held fixed ("sticking the landing").

        The gradient of the bound is then free of noise where the guide equals the posterior, so that the widths settle
        instead of wandering (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194).
        """
        epsilon = self.family().rsample()
        fixed = {name: parameter.detach() for name, parameter in self.family.named_parameters()}
        density = functional_call(self.family, fixed, ()).log_prob(epsilon)
        z = self.coordinates(epsilon)
        values, volumes = self.layout.constrain_and_log_jacobians(z)
        first = self.layout.sites[0].name
        volumes[first] = volumes[first] + self.coordinates.log_det(z)  # counted once, at the first site
        return Drawn(epsilon, density, values, volumes)

    def densities(self) -> list[nn.Parameter]:
        """The parameters of densities themselves, which move in units of a posterior's width; networks that give them are others."""
        of_rows = getattr(self.local, "densities", list)
        return [*self.family.parameters(), *of_rows()]

    @torch.no_grad()
    def draws(self, count: int) -> dict[str, Tensor]:
        """``count`` independent draws of every global site, ``(count, *shape)``, from torch's global generator."""
        return self.layout.constrain(self.coordinates(self.family().sample((count,))))


@torch.no_grad()
def guide_draws(guide: Guide, batch: Batch, count: int) -> dict[str, Tensor]:
    """Draws of the global sites from any guide; one that has no ``draws`` of its own is run ``count`` times."""
    if isinstance(guide, WhitenedGuide):
        return guide.draws(count)
    drawn = [global_latents(pyro.poutine.trace(guide).get_trace(batch.slice(0, 1).widened())) for _ in range(count)]
    return {name: torch.stack([sites[name]["value"] for sites in drawn]) for name in drawn[0]}
