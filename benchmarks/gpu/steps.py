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
from probrm.inference.svi.train import _bound, _optimiser, svi_step
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel

RATIO = 1.3
"""Aim at the larger batch."""
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
    """Milliseconds a step and their ratio, by head and batch size."""
    device, columns = settings.device, 16 if settings.tiny else 384
    sizes, hidden = ((16, 32), (8, 4)) if settings.tiny else ((1024, 8192), (256, 64))
    with isolated(0, device):
        for title, head in (("linear heads", HeadConfig()), (f"MLP heads {columns}-{hidden[0]}-{hidden[1]}-1", HeadConfig("mlp", hidden))):
            for size in sizes:
                data = rows(4 * size, columns, device)
                work = _contestants(columns, head, data, size, device)
                with pyro.validation_enabled(False):
                    found = alternating(work, device, budget=0.2 if settings.tiny else 8.0)
                for name, each in found.items():
                    sheet.row(f"{title}, batch {size}: {name}", 1e3 * each, "ms a step")
                aim = RATIO if size == sizes[-1] else None
                sheet.row(f"{title}, batch {size}: ratio", found["SVI"] / found["plain torch"], most=aim)
        if device.startswith("cuda"):  # last: what fails within a capture leaves the process without a usable device
            captured(columns, (HeadConfig(), HeadConfig("mlp", hidden)), sizes[-1], device, sheet)


def _contestants(columns: int, head: HeadConfig, data: Batch, size: int, device: str) -> dict[str, Callable[[], object]]:
    model, guide = svi(columns, head, data, device)
    loss_fn = _bound(model)(model, guide)
    optimiser = _optimiser(loss_fn, guide, SVI())
    heads = plain(columns, head, device)
    adam = torch.optim.AdamW(heads.parameters(), lr=1e-3, fused=True)
    batches, place = Minibatches(data, size, seed=0), [0]
    loss_fn(batches[0])

    def batch() -> Batch:
        place[0] += 1
        return batches[place[0] % 4]  # one epoch again and again: shuffles are measured elsewhere

    def plain_step() -> None:
        adam.zero_grad(set_to_none=True)
        plain_loss(heads, batch()).backward()
        adam.step()

    return {"SVI": lambda: svi_step(loss_fn, optimiser, batch()), "plain torch": plain_step}


def captured(columns: int, heads: tuple[HeadConfig, ...], size: int, device: str, sheet: Sheet) -> None:
    """The step of SVI replayed as a CUDA graph: what a step would cost without its launches. Fits do not do this."""
    for head in heads:
        data = rows(size, columns, device)
        model, guide = svi(columns, head, data, device)
        loss_fn = _bound(model)(model, guide)
        optimiser = _optimiser(loss_fn, guide, SVI())
        for group in optimiser.param_groups:
            group["capturable"] = True
        aside, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        try:
            with pyro.validation_enabled(False):
                with torch.cuda.stream(aside):
                    for _ in range(3):
                        svi_step(loss_fn, optimiser, data)
                torch.cuda.current_stream().wait_stream(aside)
                optimiser.zero_grad(set_to_none=True)
                with torch.cuda.graph(graph):
                    svi_step(loss_fn, optimiser, data)
            found = alternating({"graph": graph.replay}, device, budget=2.0)
        except RuntimeError as error:
            sheet.note(f"{head.name} heads: the step cannot be captured as a CUDA graph: {str(error).splitlines()[0]}")
            return
        sheet.row(f"{head.name} heads, batch {size}: SVI replayed as a CUDA graph", 1e3 * found["graph"], "ms a step")
