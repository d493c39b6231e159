"""A step of SVI of the implicit model against the same network trained in plain torch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.gpu.measuring import alternating
from benchmarks.gpu.parts import Settings, Sheet
from probrm.data.batch import Batch
from probrm.guides import Layout, Whitening, build_guide
from probrm.heads import HeadConfig
from probrm.inference import SVI
from probrm.inference.device import isolated
from probrm.inference.svi.minibatches import Minibatches
from probrm.inference.svi.recorded import CudaGraph, Recorded
from probrm.inference.svi.train import _bound, _optimiser, svi_step
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel

RATIO = 1.3
"""Aim at the larger batch."""
REPLAYS = 1e-4
"""Sums of a GPU differ in the last digits from run to run."""
_REFERENCE = 256
"""Rows that the base rate is a mean over, as in every fit."""


def rows(count: int, columns: int, device: str, dtype: torch.dtype = torch.float32) -> Batch:
    """Random rows of a log on the device: vectors of ``columns``, and an action in three of ten."""
    return Batch(
        {
            "embedding": torch.empty(count, columns, device=device, dtype=dtype).normal_(),
            "reward_covariates": torch.zeros(count, 0, device=device),
            "propensity_covariates": torch.zeros(count, 0, device=device),
            "user": torch.zeros(count, dtype=torch.long, device=device),
            "action": (torch.rand(count, device=device) < 0.3).float(),
            "label": torch.full((count,), torch.nan, device=device),
            "weight": torch.ones(count, device=device),
        },
        count,
    )


def svi(columns: int, head: HeadConfig, data: Batch, device: str) -> tuple[ImplicitModel, Any]:
    """The implicit model, both heads on the vectors, with the default guide; at the start of a training."""
    config = ImplicitConfig(reward_head=head, propensity_head=head, share_embedding=True)
    model = ImplicitModel(LogShape(columns), config, data.slice(0, _REFERENCE).widened()).to(device)
    layout = Layout.of(model, data)
    zeros = torch.zeros(layout.size, device=device)
    return model, build_guide("auto-normal", model, layout, Whitening.diagonal(zeros, zeros + 0.1))


def plain(columns: int, head: HeadConfig, device: str) -> nn.Module:
    """Two heads as any torch program has them."""
    sizes = (columns, *head.hidden) if head.name == "mlp" else (columns,)

    def one() -> nn.Module:
        hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.GELU())]
        return nn.Sequential(*hidden, nn.Linear(sizes[-1], 1))

    return nn.ModuleList([one(), one()]).to(device)


def plain_loss(heads: Any, batch: Batch) -> Tensor:
    """Cross-entropy of the action under the product of two probabilities, in logarithms."""
    reward, propensity = (head(batch["embedding"])[:, 0] for head in heads)
    both = F.logsigmoid(reward) + F.logsigmoid(propensity)
    neither = torch.logaddexp(F.logsigmoid(-reward), F.logsigmoid(reward) + F.logsigmoid(-propensity))
    return -torch.where(batch["action"] == 1, both, neither).mean()


def measure(settings: Settings, sheet: Sheet) -> None:
    """Milliseconds a step and their ratio, by head and batch size; and that a replayed step is the one that was written."""
    device, columns = settings.device, 16 if settings.tiny else 384
    sizes, hidden = ((16, 32), (8, 4)) if settings.tiny else ((1024, 8192), (256, 64))
    with isolated(0, device):
        for title, head in (("linear heads", HeadConfig()), (f"MLP heads {columns}-{hidden[0]}-{hidden[1]}-1", HeadConfig("mlp", hidden))):
            for size in sizes:
                data = rows(4 * size, columns, device)
                with pyro.validation_enabled(False):
                    found = alternating(_contestants(columns, head, data, size, device), device, budget=0.2 if settings.tiny else 6.0)
                for name, each in found.items():
                    sheet.row(f"{title}, batch {size}: {name}", 1e3 * each, "ms a step")
                aim = RATIO if size == sizes[-1] else None
                sheet.row(f"{title}, batch {size}: SVI, in times plain torch", found["SVI"] / found["plain torch"], most=aim)
                if "plain torch, replayed" in found:
                    sheet.row(f"{title}, batch {size}: the same, both replayed", found["SVI"] / found["plain torch, replayed"])
            if device.startswith("cuda"):
                apart = replays_apart(columns, head, rows(4 * sizes[0], columns, device), sizes[0], device)
                sheet.row(f"{title}: weights after 30 steps, replayed or as written", apart, "largest difference", most=REPLAYS)


def _contestants(columns: int, head: HeadConfig, data: Batch, size: int, device: str) -> dict[str, Callable[[], object]]:
    """Steps of SVI as fits do them, and of plain torch; on a GPU both as they are written and replayed."""
    batches, place = Minibatches(data, size, seed=0), [0]

    def on_batches(step: Callable[[Batch], object]) -> Callable[[], object]:
        def one() -> object:
            place[0] += 1
            return step(batches[place[0] % 4])  # one epoch again and again: shuffles are measured elsewhere

        return one

    found = {"SVI": on_batches(_svi(columns, head, data, size, device)), "plain torch": on_batches(_plain(columns, head, device))}
    if device.startswith("cuda"):
        found["SVI, as written"] = on_batches(_svi(columns, head, data, size, device, replayed=False))
        found["plain torch, replayed"] = on_batches(_plain(columns, head, device, replayed=True))
    return found


def _svi(columns: int, head: HeadConfig, data: Batch, size: int, device: str, *, replayed: bool = True) -> Recorded:
    model, guide = svi(columns, head, data, device)
    loss_fn = _bound(model)(model, guide)
    loss_fn(data.slice(0, size))
    return Recorded(svi_step, loss_fn, _optimiser(loss_fn, guide, SVI()), _recorder(device, replayed))


def _plain(columns: int, head: HeadConfig, device: str, *, replayed: bool = False) -> Recorded:
    heads = plain(columns, head, device)
    adam = torch.optim.AdamW(heads.parameters(), lr=1e-3, fused=True)

    def step(heads: nn.Module, adam: torch.optim.Optimizer, batch: Batch) -> Tensor:
        adam.zero_grad(set_to_none=True)
        loss = plain_loss(heads, batch)
        loss.backward()
        adam.step()
        return loss

    return Recorded(step, heads, adam, _recorder(device, replayed))


def _recorder(device: str, replayed: bool) -> CudaGraph | None:
    return CudaGraph() if replayed and device.startswith("cuda") else None


def replays_apart(columns: int, head: HeadConfig, data: Batch, size: int, device: str) -> float:
    """Largest difference of any parameter after 30 steps with the same random numbers, the learning rate halved on the way."""
    ends = []
    for replayed in (True, False):
        torch.manual_seed(1)
        step = _svi(columns, head, data, size, device, replayed=replayed)
        batches = Minibatches(data, size, seed=0)
        with pyro.validation_enabled(False):
            for i in range(30):
                for group in step.optimiser.param_groups:
                    group["lr"] = 0.02 if i < 20 else 0.01
                step(batches[i])
        ends.append(torch.cat([p.detach().flatten() for p in step.loss_fn.parameters()]))
    return float((ends[0] - ends[1]).abs().max())
