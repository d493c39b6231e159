"""NUTS in coordinates whitened by the Laplace approximation.

There the posterior is close to a standard normal, so split steps (``split_nuts``) are long: with 65 or 385 correlated weights and 20,000 rows
a trajectory is one step of a quarter turn, where Pyro's defaults take dozens of gradients (``benchmarks/nuts.py``). The mass matrix stays the
identity: one that is estimated from a few hundred draws is noisier than the curvature that made the coordinates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import pyro
import torch
from jaxtyping import Float
from pyro.ops.stats import effective_sample_size, split_gelman_rubin
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Layout, PathFollowing, ScaleAdaptive, Whitening
from probrm.inference.energy import WhitenedEnergy
from probrm.inference.settings import NUTS
from probrm.inference.split_nuts import SITE, SplitNUTS
from probrm.model import RewardModel
from probrm.progress import Progress, silent


@dataclass(frozen=True)
class Chains:
    """Draws of a sampler, one chain behind the other.

    Attributes:
        draws: of every global site, ``(s, *shape)``, float32.
        count: of chains, all of the same length.
        sample_stats: ``(s,)`` by ArviZ's names, over all trajectories of a draw: ``diverging`` (any), ``n_steps`` (gradients, their sum),
            ``tree_depth`` (the largest), ``acceptance_rate`` (their mean); of its last one ``energy``, ``lp``, ``step_size`` (an angle in radians).
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
    energy = WhitenedEnergy.of(model, layout, batch, coordinates)
    per_chain = -(-settings.draws // settings.chains)
    again = settings.warmup // 3  # a later chain begins with the step of the first
    chains: list[_Chain] = []
    with progress.task("NUTS", settings.warmup + (settings.chains - 1) * again + settings.chains * per_chain * settings.thin) as advance:
        for i in range(settings.chains):
            start = torch.randn(layout.size, dtype=torch.float64).to(coordinates.loc.device)
            begun = chains[0].stats["step_size"][-1] if i else 1.0
            chain = _Chain(energy, start, again if i else settings.warmup, begun, settings.target_acceptance, settings.thin)
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


@dataclass
class _Chain:
    """One chain, and what is noted of each of its draws."""

    energy: Callable[[Float[Tensor, " D"]], Tensor]
    start: Float[Tensor, " D"]
    warmup: int
    step: float
    target: float = 0.8
    thin: int = 1
    stats: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    draws: Float[Tensor, "s D"] = field(default_factory=lambda: torch.zeros(0))
    evaluations: int = 0

    def _counted(self, params: dict[str, Tensor]) -> Tensor:
        self.evaluations += 1
        return self.energy(params[SITE])

    def run(self, count: int, advance: Callable[[], object]) -> _Chain:
        """Warm-up, then ``count`` draws."""
        kernel = SplitNUTS(self._counted, self.step, self.target)
        kernel.initial_params = state = {SITE: self.start}
        kept = []
        with pyro.validation_enabled(False):
            kernel.setup(self.warmup)
            for _ in range(self.warmup):
                state = kernel.sample(state)
                advance()
            for _ in range(count):
                several = [self._trajectory(kernel, advance) for _ in range(self.thin)]
                self._note([noted for _, noted in several])
                kept.append(several[-1][0][SITE].detach().clone())
        if kernel._accept_cnt == 0:
            raise TrainingError(
                f"NUTS took none of its {count * self.thin} steps: the chain stands still after {self.warmup} steps of warm-up",
                fix="give it more warm-up: --set inference.warmup=300",
            )
        self.draws = torch.stack(kept)
        return self

    def _trajectory(self, kernel: SplitNUTS, advance: Callable[[], object]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """One trajectory after the warm-up: where it ends, and what is noted of it."""
        i = kernel._t - self.warmup
        potential, evaluations, accepted = _potential(kernel), self.evaluations, kernel._mean_accept_prob * i
        state = kernel.sample({})  # goes on from the state that it keeps
        advance()
        steps = self.evaluations - evaluations
        return state, {
            "diverging": bool(kernel._divergences) and kernel._divergences[-1] == i,
            "energy": potential + float(kernel.kinetic),
            "lp": -_potential(kernel),
            "n_steps": steps,
            "tree_depth": steps.bit_length(),
            "acceptance_rate": kernel._mean_accept_prob * (i + 1) - accepted,
            "step_size": float(kernel.step_size),
        }

    def _note(self, trajectories: list[dict[str, Any]]) -> None:
        """Those of one draw: gradients are added up, and a divergence of any of them counts."""
        together = {"diverging": any, "n_steps": sum, "tree_depth": max, "acceptance_rate": fmean}
        for name, last in trajectories[-1].items():
            of_all = together.get(name)
            self.stats[name].append(of_all([one[name] for one in trajectories]) if of_all else last)


def _potential(kernel: Any) -> float:
    return float(kernel._potential_energy_last)
