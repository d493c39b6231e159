"""Steps per second of the variational reward model against a plain PyTorch loop, in one process on one thread of the CPU.

    python benchmarks/pair_training.py [--form embedding|paper|both] [--steps 200] [--rounds 5]

The plain loop has the same parameters, networks, random numbers, loss, minibatches and optimiser (``torch.optim.AdamW``,
fused), written out with tensors: no Pyro, no traces, no distributions but the Dirichlet's sampler. 20,000 pairs of 5,000 prompts
with four responses each, random vectors of 384 columns, eight objectives. ``embedding`` is the default form of the model;
``paper`` has z of 128 features with a standard normal prior, perceptrons as encoders and as decoder, and its divergences
paid in every pair. Dirichlets in both; where the prior of w is the network itself, its divergence is zero, which the plain loop
leaves out and the package too. Both sides start from the same state; the order alternates from round to round, and medians and their ratio
are printed. First the two losses at the same random numbers are compared: they are one function.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads distort whatever runs beside them

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor

from probrm.data import Batch
from probrm.guides import guide_config
from probrm.inference import SVI
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.inference.svi.minibatches import Minibatches
from probrm.inference.svi.train import run_svi
from probrm_models.vrm.config import DecoderConfig, DivergenceConfig, FeaturesConfig, VRMConfig, VRMShape, WeightsConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.networks import FLOOR
from probrm_models.vrm.row_guide import with_shares
from probrm_models.vrm.warm_start.initialise import build_guide

PROMPTS, ANSWERS, PAIRS, COLUMNS, OBJECTIVES = 5_000, 4, 20_000, 384, 8
WIDTH = 4.0
"""Of the half-normal priors."""
CONFIGS = {
    "embedding": VRMConfig(),
    "paper": VRMConfig(
        weights=WeightsConfig(prior="standard", hidden=(128,)),
        features=FeaturesConfig(prior="standard", dim=128, hidden=(256,)),
        decoder=DecoderConfig(name="mlp", hidden=(64,)),
        divergence=DivergenceConfig(per="pair"),
    ),
}


def rows() -> Batch:
    """Pairs with a linear truth."""
    draw = torch.Generator().manual_seed(0)
    prompt, h = torch.randn(PROMPTS, COLUMNS, generator=draw), torch.randn(PROMPTS * ANSWERS, COLUMNS, generator=draw)
    reward = h @ torch.randn(COLUMNS, generator=draw) * (2 / COLUMNS**0.5)
    of = torch.arange(PAIRS) % PROMPTS
    turn = torch.arange(PAIRS) // PROMPTS
    one, other = ANSWERS * of + turn, ANSWERS * of + (turn + 1) % ANSWERS
    won = torch.rand(PAIRS, generator=draw) < torch.sigmoid(reward[one] - reward[other])
    chosen, rejected = torch.where(won, one, other), torch.where(won, other, one)
    columns = {"prompt": prompt[of], "chosen": h[chosen], "rejected": h[rejected], "outcome": torch.ones(PAIRS)}
    indices = {"weight": torch.ones(PAIRS), "prompt_index": of, "chosen_index": chosen, "rejected_index": rejected}
    return with_shares(Batch(columns | indices, PAIRS))


def logs(value: Tensor) -> Tensor:
    """The log density of a standard normal, summed."""
    return -(value.square() / 2 + math.log(2 * math.pi) / 2).sum()


def half_normal(log_scale: Tensor) -> Tensor:
    """The log density of a positive number, of its logarithm."""
    return math.log(2) - (log_scale.exp() / WIDTH).square() / 2 - math.log(WIDTH * math.sqrt(2 * math.pi)) + log_scale


def dirichlet_kl(a: Tensor) -> Tensor:
    """To the uniform Dirichlet."""
    total = a.sum(-1)
    return total.lgamma() - a.lgamma().sum(-1) - math.lgamma(OBJECTIVES) + ((a - 1) * (a.digamma() - total.digamma()[:, None])).sum(-1)


def normal_kl(loc: Tensor, scale: Tensor) -> Tensor:
    """To the standard normal."""
    return ((loc.square() + scale.square() - 1) / 2 - scale.log()).sum(-1)


class Plain:
    """The same training written out.

    Args:
        model: gives its networks.
        guide: gives its parameters and the constants of its coordinates; both are trained in place.
    """

    def __init__(self, model: VRMModel, guide: Any) -> None:
        self.model, self.family, self.coordinates = model, guide.family, guide.coordinates
        self.place = {site.name: site.flat for site in guide.layout.sites}
        self.table = guide.local.features
        self.standard = model.standard
        networks = [*model.parameters()]
        self.groups = [guide.densities(), networks]

    def prompts(self, x: Tensor) -> Tensor:
        """Concentrations of q(w | x)."""
        return FLOOR + (1 - FLOOR) * self.model.weights.network(x).clamp(max=10.0).exp()

    def features(self, batch: Batch, side: str) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of one side's latents."""
        if self.standard:
            assert self.model.features is not None
            loc, raw = self.model.features.network(batch[side]).chunk(2, -1)
            return loc, F.softplus(raw + math.log(math.expm1(1.0)))
        index = batch[f"{side}_index"]
        return self.table.loc[index], F.softplus(self.table.raw_scale[index])

    def loss(self, batch: Batch) -> Tensor:
        """One draw's negative bound."""
        loc, scale = self.family.loc, F.softplus(self.family.raw_scale)
        epsilon = loc + scale * torch.randn_like(loc)
        fixed, width = loc.detach(), scale.detach()
        log_q = logs((epsilon - fixed) / width) - width.log().sum()
        decode, log_p, log_det = self.paper(epsilon) if self.standard else self.embedding(epsilon)
        nats: Any = 0.0
        alpha = self.prompts(batch["prompt"])
        w = torch.distributions.Dirichlet(alpha, validate_args=False).rsample()
        if self.model.config.weights.prior == "standard":  # else the prior is the same density
            nats = nats + (dirichlet_kl(alpha) * self.share(batch, "prompt")).sum()
        drawn = []
        for side in ("chosen", "rejected"):
            mean, sd = self.features(batch, side)
            drawn.append(mean + sd * torch.randn_like(mean))
            nats = nats + (normal_kl(mean, sd) * self.share(batch, side)).sum()
        d = decode(w, drawn[0], batch["chosen"]) - decode(w, drawn[1], batch["rejected"])
        log_likelihood = (batch["weight"] * (batch["outcome"] * F.logsigmoid(d) + (1 - batch["outcome"]) * F.logsigmoid(-d))).sum()
        return batch.scale * (nats - log_likelihood) + log_q - log_det - log_p

    def share(self, batch: Batch, what: str) -> Any:
        """How much of a latent's divergence a row pays."""
        return 1.0 if self.standard else batch[f"{what}_share"]

    def embedding(self, epsilon: Tensor) -> tuple[Callable[..., Tensor], Tensor, Tensor]:
        """The rewards that a draw of the globals gives, its prior density, the log determinant of the coordinates."""
        c, place = self.coordinates, self.place
        z = c.loc + c.widths * epsilon
        s, k, tau = (z[place[name]].squeeze() for name in ("shared_scale", "contrasts_scale", "residual"))
        shared = c.loc[place["shared"]] + c.factor @ epsilon[place["shared"]]
        unit = epsilon[place["contrasts"]]
        objectives = shared + self.model.rotation @ (k.exp() * unit).view(OBJECTIVES - 1, COLUMNS)
        log_p = logs(shared / s.exp()) - COLUMNS * s + logs(unit) - len(unit) * k + half_normal(s) + half_normal(k) + half_normal(tau)
        log_det = c.widths.log().sum() + c.factor.diagonal().log().sum() + len(unit) * k
        v, residual = objectives.T / COLUMNS**0.5, tau.exp()
        return lambda w, eps, h: (w * (h @ v + residual * eps)).sum(-1), log_p, log_det

    def paper(self, epsilon: Tensor) -> tuple[Callable[..., Tensor], Tensor, Tensor]:
        """The same with a network for decoder."""
        c, place = self.coordinates, self.place
        z = c.loc + epsilon @ c.factor.T
        s, weights = z[place["decoder_scale"]].squeeze(), z[place["decoder"]]
        log_p = logs(weights / s.exp()) - len(weights) * s + half_normal(s)
        trunk = self.model.trunk
        assert trunk is not None
        return lambda w, eps, h: trunk(torch.cat([w, eps], -1)) @ weights, log_p, c.factor.diagonal().log().sum()

    def train(self, data: Batch, size: int, steps: int, settings: SVI) -> None:
        """That many steps."""
        rates = ((settings.learning_rate, 0.0), (settings.network_learning_rate, settings.weight_decay))
        groups = [{"params": list(p), "lr": lr, "weight_decay": decay} for p, (lr, decay) in zip(self.groups, rates, strict=True)]
        optimiser = torch.optim.AdamW(groups, fused=True, betas=(0.9, 0.99))
        batches = self.batches(data, size)
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            self.loss(next(batches)).backward()
            optimiser.step()

    @staticmethod
    def batches(data: Batch, size: int) -> Iterator[Batch]:
        """Shuffled copies, cut into slices: as the package does."""
        while True:
            shuffled = data.rows(torch.randperm(len(data)))
            for start in range(0, len(data) - size + 1, size):
                yield shuffled.slice(start, start + size)


def difference(model: VRMModel, guide: Any, data: Batch, size: int) -> float:
    """Of the two losses at the same random numbers, relative; as in training, without Pyro's validation."""
    batch = Minibatches(data, size, seed=0)[0]
    with torch.no_grad(), pyro.validation_enabled(False):
        torch.manual_seed(1)
        ours = float(LocalKLELBO().differentiable_loss(model, guide, batch))
        torch.manual_seed(1)
        return abs(ours - float(Plain(model, guide).loss(batch))) / abs(ours)


def measure(form: str, data: Batch, size: int, steps: int, rounds: int) -> None:
    torch.manual_seed(0)
    model = VRMModel(VRMShape(COLUMNS, COLUMNS, tuple(f"objective_{i}" for i in range(OBJECTIVES))), CONFIGS[form])
    guide = build_guide(model, data, guide_config("auto-normal"))
    print(f"{form}, batch {size}: losses differ by {difference(model, guide, data, size):.1e} of their value")
    settings = SVI(batch_size=size, max_steps=steps, eval_every=steps, learning_rate=0.005)

    def ours() -> None:
        own = copy.deepcopy((model, guide))
        run_svi(*own, data, settings, elbo=LocalKLELBO())

    def plain() -> None:
        Plain(*copy.deepcopy((model, guide))).train(data, size, steps, settings)

    contestants = {"probrm": ours, "plain loop": plain}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name in list(contestants)[:: 1 if turn % 2 == 0 else -1]:
            begun = time.perf_counter()
            contestants[name]()
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - begun)
    for name, measured in seconds.items():
        spread = f"{1e3 * min(measured) / steps:.2f} to {1e3 * max(measured) / steps:.2f}"
        print(f"{name:>12}: {1e3 * statistics.median(measured) / steps:6.2f} ms a step (median of {rounds} times {steps} steps; {spread})")
    print(f"{'ratio':>12}: {statistics.median(seconds['probrm']) / statistics.median(seconds['plain loop']):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=[*CONFIGS, "both"], default="both")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = rows()
    print(f"{PAIRS} pairs of {PROMPTS} prompts, {COLUMNS} columns, {OBJECTIVES} objectives; load {os.getloadavg()[0]:.1f}")
    with pyro.settings.context(module_local_params=True):
        for form in CONFIGS if arguments.form == "both" else [arguments.form]:
            for size in (256, 1024):
                measure(form, data, size, arguments.steps, arguments.rounds)


if __name__ == "__main__":
    main()
