"""NUTS in Laplace-whitened coordinates beside Pyro's NUTS on the same model and rows, one thread.

    python -m benchmarks.nuts [--dims 64 384] [--rows 20000] [--peer-warmup 100] [--peer-draws 20]

The model is the Bayesian logistic regression of an action (``probrm fit naive``) with a fixed prior of the weights. Pyro's own NUTS, with its
defaults, needs minutes: it is given a short warm-up and a few draws, and a draw's time is what is compared. The posterior is compared with
Laplace's and the ``full-rank`` guide's: distances of means in standard deviations, ratios of standard deviations.
"""

from __future__ import annotations

import argparse
import time

import pyro
import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as PyroNUTS
from torch import Tensor

from probrm.data import Batch
from probrm.diagnostics.sampler import sampler_quality
from probrm.inference import NUTS, SVI, Fitted, InferenceConfig, Laplace, fit
from probrm.posterior import summarise
from probrm.priors import Normal
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.naive import NaiveModel

_DECAY = 0.75
"""Standard deviations of an embedding's principal directions fall like ``j^-0.75``, about as MiniLM's do."""
_PRIORS = ImplicitConfig(priors=ImplicitPriors(weights=Normal(0.0, 1.0)))


def simulate(rows: int, dim: int, seed: int = 0) -> tuple[LogShape, Batch]:
    """Actions from the model itself, on embeddings that are correlated like real ones and standardised."""
    rng = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(dim, dim, generator=rng)).Q
    embedding = (torch.randn(rows, dim, generator=rng) * torch.arange(1.0, dim + 1) ** -_DECAY) @ rotation
    embedding = (embedding - embedding.mean(0)) / embedding.std(0)
    reward = 0.3 + embedding @ torch.randn(dim, generator=rng) / dim**0.5
    columns = {
        "embedding": embedding,
        "reward_covariates": torch.zeros(rows, 0),
        "action": torch.bernoulli(reward.sigmoid(), generator=rng),
        "weight": torch.ones(rows),
    }
    return LogShape(dim), Batch(columns, rows)


def timed(shape: LogShape, batch: Batch, inference: InferenceConfig, guide: str = "auto-normal") -> tuple[Fitted, float]:
    """A fit, and its seconds."""
    begun = time.perf_counter()
    fitted = fit(NaiveModel(shape, _PRIORS), batch, guide=guide, inference=inference, starts=1)
    return fitted, time.perf_counter() - begun


def pyros_own(shape: LogShape, batch: Batch, warmup: int, draws: int) -> tuple[float, float]:
    """Seconds a draw after the warm-up, and gradients a draw."""
    model, count = NaiveModel(shape, _PRIORS), 0

    def counted(rows: Batch) -> None:
        nonlocal count
        count += 1
        model(rows)

    stamps: list[tuple[float, int]] = []
    kernel = PyroNUTS(counted)
    with pyro.validation_enabled(False):
        mcmc = MCMC(
            kernel,
            num_samples=draws,
            warmup_steps=warmup,
            disable_progbar=True,
            hook_fn=lambda *_: stamps.append((time.perf_counter(), count)),
        )
        mcmc.run(batch)
    (begun, before), (ended, after) = stamps[warmup - 1], stamps[-1]
    return (ended - begun) / draws, (after - before) / draws


def compared(ours: dict[str, Tensor], other: dict[str, Tensor]) -> str:
    """Largest and mean distance of means in NUTS' standard deviations, and the range of ratios of standard deviations, over the weights."""
    a, b = ours["reward_weights"], other["reward_weights"]
    sd = a.std(0)
    distance, ratio = (b.mean(0) - a.mean(0)).abs() / sd, b.std(0) / sd
    return f"means {float(distance.mean()):.3f} (max {float(distance.max()):.3f}), sd ratio {float(ratio.min()):.3f} to {float(ratio.max()):.3f}"


def main() -> None:
    """One block of lines a dimension."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 384])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--peer-warmup", type=int, default=100)
    parser.add_argument("--peer-draws", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for dim in arguments.dims:
        shape, batch = simulate(arguments.rows, dim)
        nuts, seconds = timed(shape, batch, NUTS())
        table = summarise(nuts.model, nuts.draws, nuts.chains, sampled=True)
        print(f"{dim + 1} latents, {arguments.rows} rows")
        print(f"  probrm: 1,000 draws in {seconds:.1f} s, start and warm-up included; {float(nuts.sample_stats['n_steps'].float().mean()):.1f} gradients a draw")  # fmt: skip
        print(f"  {sampler_quality(table, nuts.chains, nuts.sample_stats['diverging'].numpy())}")
        for name, inference, guide in (("Laplace", Laplace(draws=4000), "auto-normal"), ("full-rank", SVI(draws=4000), "full-rank")):
            other, took = timed(shape, batch, inference, guide)
            print(f"  against {name} ({took:.1f} s): {compared(nuts.draws, other.draws)}")
        each, gradients = pyros_own(shape, batch, arguments.peer_warmup, arguments.peer_draws)
        own = nuts.seconds["inference"] / len(nuts.sample_stats["lp"])
        print(f"  Pyro's NUTS: {1000 * each:.0f} ms a draw ({gradients:.0f} gradients); probrm {1000 * own:.1f} ms: {each / own:.0f} times")


if __name__ == "__main__":
    main()
