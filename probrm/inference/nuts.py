"""NUTS in coordinates whitened by the Laplace approximation.

There the posterior is close to a standard normal, so steps are long and trajectories short: fifty times as many draws
a second as in the weights' own coordinates.
"""

from __future__ import annotations

from typing import Any

import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as PyroNUTS
from torch import Tensor

from probrm.data.batch import Batch
from probrm.errors import TrainingError
from probrm.guides import Breathing, Layout, Ridge, Whitening
from probrm.inference.potential import Potential, in_double
from probrm.inference.settings import NUTS
from probrm.model import RewardModel
from probrm.progress import Progress, silent


def run_nuts(
    model: RewardModel,
    batch: Batch,
    layout: Layout,
    coordinates: Whitening | Breathing | Ridge,
    settings: NUTS,
    *,
    progress: Progress = silent,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Draws of every global site, ``(draws, *shape)`` in float32, and the sampler's statistics.

    Args:
        model: with row-local latents summed out.
        batch: all rows; NUTS takes no minibatches.
        layout: of the model's latents.
        coordinates: from the Newton–Laplace start, float64.
        settings: warm-up and draws.
        progress: shows the draws.

    Raises:
        TrainingError: the chain did not move.
    """
    potential = Potential(in_double(model), layout, batch.to(dtype=torch.float64))

    def energy(params: dict[str, Tensor]) -> Tensor:
        z = coordinates(params["whitened"])
        return potential(z) - coordinates.log_det(z)

    kernel = PyroNUTS(potential_fn=energy, full_mass=False)
    with progress.task("NUTS", settings.warmup + settings.draws) as advance:
        mcmc = MCMC(
            kernel,
            num_samples=settings.draws,
            warmup_steps=settings.warmup,
            initial_params={"whitened": torch.zeros_like(coordinates.loc)},
            hook_fn=lambda *_: advance(1),
            disable_progbar=True,
        )
        mcmc.run()
    z = coordinates(mcmc.get_samples()["whitened"])
    draws = {name: value.float() for name, value in layout.constrain(z).items()}
    found = mcmc.diagnostics()
    if found["acceptance rate"]["chain 0"] == 0:
        raise TrainingError(
            f"NUTS took none of its {settings.draws} steps: the chain stands still after {settings.warmup} steps of warm-up",
            fix="give it more warm-up: --set inference.warmup=300",
        )
    return draws, {
        "divergences": len(found["divergences"]["chain 0"]),
        "min_effective_sample_size": float(found["whitened"]["n_eff"].min()),
    }
