"""Rows for the variational reward model, as its recipe gives them, and the model on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import torch

from probrm.data import Batch, Conversation, Pairs
from probrm_models.vrm import selection
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import with_shares
from probrm_models.vrm.warm_start import at_gate

EMBEDDING, PROMPT = 5, 3


@contextmanager
def few_steps() -> Iterator[None]:
    """The gates that the folds compare, and the one that a guide begins at, are trained for a tenth as long: for what a fit's flags do."""
    with mock.patch.object(selection, "_STEPS", 20), mock.patch.object(at_gate, "fit_posterior", partial(at_gate.fit_posterior, steps=30)):
        yield


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


def texts(rows: Batch, answers: list[str] | None = None, ratings: Any = None, attributes: Sequence[str] = ()) -> Pairs:
    """The pairs of ``rows`` as read: answer i has the text ``answers[i]`` and, of each attribute, the rating ``ratings[i]``."""
    sides = {side: rows[f"{side}_index"].tolist() for side in ("chosen", "rejected")}
    prompts, n = [f"prompt {i}" for i in rows["prompt_index"].tolist()], len(rows)
    said = {
        side: [Conversation(prompt, f"answer {i}" if answers is None else answers[i]) for prompt, i in zip(prompts, places, strict=True)]
        for side, places in sides.items()
    }
    rated = {side: None if ratings is None else np.asarray(ratings, np.float32)[places] for side, places in sides.items()}
    ones = np.ones(n, np.float32)
    ids = np.array([f"r{i}" for i in range(n)], object)
    nothing: Any = {"margin": None, "user": None, "subset": None}
    return Pairs(
        source="pairs", chosen=said["chosen"], rejected=said["rejected"], outcome=ones, weight=ones, attributes=tuple(attributes),
        chosen_scores=rated["chosen"], rejected_scores=rated["rejected"], row_id=ids, rows=np.arange(n), notes=[], table=pa.table({}), **nothing,
    )  # fmt: skip


def draws(model: VRMModel, count: int = 200, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Draws of the globals of a model with a bilinear decoder."""
    generator = torch.Generator().manual_seed(seed)
    columns = model.dim if model.standard else EMBEDDING
    found = {"shared": torch.randn(count, columns, generator=generator)}
    if model.count > 1:
        found["contrasts"] = torch.randn(count, model.count - 1, columns, generator=generator)
    return found if model.standard else found | {"residual": 0.1 + torch.rand(count, generator=generator)}


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
