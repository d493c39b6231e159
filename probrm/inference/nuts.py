"""NUTS in coordinates whitened by the Laplace approximation.

There the posterior is close to a standard normal, so steps are long and trajectories short: on 65 correlated weights 7
gradients a draw where Pyro's defaults take 87 (``benchmarks/nuts.py``). The mass matrix stays the identity: one that is estimated from a few
hundred draws is noisier than the curvature that made the coordinates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pyro
import torch
from jaxtyping import Float
from pyro.infer import NUTS as PyroNUTS
from pyro.ops.stats import effective_sample_size, split_gelman_rubin
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout, PathFollowing, ScaleAdaptive, Whitening
from probrm.inference.laplace.potential import Potential, in_double
from probrm.inference.settings import NUTS
from probrm.model import RewardModel
from probrm.progress import Progress, silent


@dataclass(frozen=True)
class Chains:
    """Draws of a sampler, one chain behind the other.

    Attributes:
        draws: of every global site, ``(s, *shape)``, float32.
        count: of chains, all of the same length.
        sample_stats: ``(s,)`` by ArviZ's names: ``diverging``, ``energy``, ``lp``, ``n_steps``, ``tree_depth``, ``acceptance_rate``,
            ``step_size``.
        statistics: divergences, the least effective sample size and the largest split R̂ over all coordinates.
    """

    draws: dict[str, Tensor]
    count: int
    sample_stats: dict[str, Tensor]
    statistics: dict[str, Any]


def run_nuts(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    coordinates: Whitening | ScaleAdaptive | PathFollowing,
    settings: NUTS,
    *,
    progress: Progress = silent,
) -> Chains:
    """Runs the chains one after the other, from independent places around the mode.

    Args:
        model: with row-local latents summed out.
        batch: all rows; NUTS takes no minibatches.
        layout: of the model's latents.
        coordinates: from the Newton–Laplace start, float64.
        settings: chains, warm-up and draws.
        progress: shows the draws.

    Raises:
        TrainingError: a chain did not move.
    """
    potential = Potential(in_double(model), layout, batch.to(dtype=torch.float64), single=True)

    def energy(params: dict[str, Tensor]) -> Tensor:
        z = coordinates(params["whitened"])
        return potential(z) - coordinates.log_det(z)

    per_chain = -(-settings.draws // settings.chains)
    again = settings.warmup // 3  # a later chain begins with the step of the first
    chains: list[_Chain] = []
    with progress.task("NUTS", settings.warmup + (settings.chains - 1) * again + settings.chains * per_chain) as advance:
        for i in range(settings.chains):
            start = torch.randn(layout.size, dtype=torch.float64).to(coordinates.loc.device)
            chain = _Chain(energy, start, again if i else settings.warmup, chains[0].stats["step_size"][-1] if i else 1.0)
            chains.append(chain.run(per_chain, lambda: advance(1)))
    whitened = torch.stack([chain.draws for chain in chains])
    stats = {name: torch.cat([torch.as_tensor(chain.stats[name]) for chain in chains]) for name in chains[0].stats}
    draws = {name: value.float() for name, value in layout.constrain(coordinates(whitened.flatten(0, 1))).items()}
    statistics = {
        "divergences": int(stats["diverging"].sum()),
        "min_effective_sample_size": float(effective_sample_size(whitened, chain_dim=0, sample_dim=1).min()),
        "max_r_hat": float(split_gelman_rubin(whitened, chain_dim=0, sample_dim=1).max()) if per_chain >= 4 else None,
    }
    return Chains(draws, settings.chains, stats, statistics)


class _Kernel(PyroNUTS):
    """Pyro's kernel, whose momenta can be seen: the energy of a draw is not kept by it."""

    kinetic: Any

    def _sample_r(self, name: str) -> Any:
        scaled, unscaled = super()._sample_r(name)
        self.kinetic = self._kinetic_energy(unscaled)
        return scaled, unscaled


@dataclass
class _Chain:
    """One chain, and what is noted of each of its draws."""

    energy: Callable[[dict[str, Tensor]], Tensor]
    start: Float[Tensor, " D"]
    warmup: int
    step: float
    stats: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    draws: Float[Tensor, "s D"] = field(default_factory=lambda: torch.zeros(0))
    evaluations: int = 0

    def _counted(self, params: dict[str, Tensor]) -> Tensor:
        self.evaluations += 1
        return self.energy(params)

    def run(self, count: int, advance: Callable[[], object]) -> _Chain:
        """Warm-up, then ``count`` draws."""
        kernel = _Kernel(potential_fn=self._counted, step_size=cast(Any, self.step), adapt_mass_matrix=False)
        kernel.initial_params = state = {"whitened": self.start}
        kept = []
        with pyro.validation_enabled(False):
            kernel.setup(self.warmup)
            for _ in range(self.warmup):
                state = kernel.sample(state)
                advance()
            for i in range(count):
                before = _potential(kernel), self.evaluations, kernel._mean_accept_prob * i
                state = kernel.sample(state)
                self._note(kernel, i, *before)
                kept.append(state["whitened"].detach().clone())
                advance()
        if kernel._accept_cnt == 0:
            raise TrainingError(
                f"NUTS took none of its {count} steps: the chain stands still after {self.warmup} steps of warm-up",
                fix="give it more warm-up: --set inference.warmup=300",
            )
        self.draws = torch.stack(kept)
        return self

    def _note(self, kernel: _Kernel, i: int, potential: float, evaluations: int, accepted: float) -> None:
        steps = self.evaluations - evaluations
        self.stats["diverging"].append(bool(kernel._divergences) and kernel._divergences[-1] == i)
        self.stats["energy"].append(potential + float(kernel.kinetic))
        self.stats["lp"].append(-_potential(kernel))
        self.stats["n_steps"].append(steps)
        self.stats["tree_depth"].append(steps.bit_length())
        self.stats["acceptance_rate"].append(kernel._mean_accept_prob * (i + 1) - accepted)
        self.stats["step_size"].append(float(kernel.step_size))


def _potential(kernel: Any) -> float:
    return float(kernel._potential_energy_last)
