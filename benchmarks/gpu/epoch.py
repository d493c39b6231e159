"""An epoch of SVI over a million vectors that stay on the device in bfloat16 and become float32 by minibatch."""

from __future__ import annotations

import torch

from benchmarks.gpu.measuring import peak_memory, seconds
from benchmarks.gpu.parts import Settings, Sheet
from benchmarks.gpu.steps import rows, svi
from probrm.heads import HeadConfig
from probrm.inference import SVI
from probrm.inference.device import isolated
from probrm.inference.svi.train import run_svi

AIM = 10.0
"""Seconds."""


def measure(settings: Settings, sheet: Sheet) -> None:
    """Seconds of an epoch, its shuffle included; rows a second; memory."""
    device = settings.device
    count, columns, size = (4_000, 64, 256) if settings.tiny else (1_000_000, 1024, 8192)
    with isolated(0, device):
        data = rows(count, columns, device, torch.bfloat16)
        held = sum(column.numel() * column.element_size() for column in data.columns.values()) / 2**30
        model, guide = svi(columns, HeadConfig(), data, device)
        epoch = count // size

        def train(steps: int) -> None:
            run_svi(model, guide, data, SVI(batch_size=size, max_steps=steps, eval_every=steps))

        train(min(10, epoch))  # compiled kernels, and memory that torch keeps
        took = min(seconds(lambda: train(epoch), device) for _ in range(2))
    sheet.row(f"epoch of {epoch} steps over {count:,} rows of {columns} columns", took, "s", most=AIM)
    sheet.row("rows a second", epoch * size / took)
    sheet.row("data on the device", held, "GiB")
    sheet.row("peak memory over the data", peak_memory(device) - held, "GiB")
    sheet.note("vectors in bfloat16, batches of float32; the shuffled copy of an epoch is as large as the data")
