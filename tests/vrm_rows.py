"""Rows for the variational reward model, as its recipe gives them, and the model on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from probrm.data import Batch
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import with_shares

EMBEDDING, PROMPT = 5, 3


def pairs(n: int = 24, *, responses: int = 3, seed: int = 0, dtype: torch.dtype | None = None) -> Batch:
    """n pairs, four a prompt, each of two of the prompt's ``responses``: prompts are in 4 rows, responses in one or several."""
    generator = torch.Generator().manual_seed(seed)
    prompts = -(-n // 4)
    h = torch.randn(prompts, responses, EMBEDDING, generator=generator)
    x = torch.randn(prompts, PROMPT, generator=generator)
    prompt = torch.arange(n) // 4
    sides = torch.stack([torch.randperm(responses, generator=generator)[:2] for _ in range(n)])
    columns = {
        "prompt": x[prompt],
        "chosen": h[prompt, sides[:, 0]],
        "rejected": h[prompt, sides[:, 1]],
        "outcome": torch.ones(n),
        "weight": torch.rand(n, generator=generator) + 0.5,
        "prompt_index": prompt,
        "chosen_index": prompt * responses + sides[:, 0],
        "rejected_index": prompt * responses + sides[:, 1],
    }
    return Batch(columns, n).to(dtype=dtype or torch.get_default_dtype())


def with_columns(rows: Batch, **columns: Any) -> Batch:
    """The rows with some columns replaced or added."""
    return Batch({**rows.columns, **columns}, rows.total)


def model(objectives: int = 2, *, attributes: int = 0, ties: bool = False, **settings: Any) -> VRMModel:
    """A model of ``pairs`` with K objectives a, b, c, …; ``settings`` as in ``[model]``."""
    shape = VRMShape(EMBEDDING, PROMPT, tuple("abcdefghijklmnop"[:objectives]), attributes, ties)
    return VRMModel(shape, VRMConfig.from_dict(settings))


def shaken(module: torch.nn.Module, by: float) -> Any:
    """The same module, all of its parameters displaced by normal noise."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return module


def shared(rows: Batch) -> Batch:
    """The rows with their shares."""
    return with_shares(rows)


STANDARD: Mapping[str, Any] = {"features": {"prior": "standard", "dim": 4}}
MLP: Mapping[str, Any] = {**STANDARD, "decoder": {"name": "mlp", "hidden": [6]}}
