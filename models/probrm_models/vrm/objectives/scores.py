"""Each objective's score of an answer: the reward that it would have if this objective alone counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm_models.vrm.model import VRMModel


@torch.no_grad()
def objective_scores(model: VRMModel, draws: Mapping[str, Tensor], embedding: Float[Tensor, "n d"]) -> Float[np.ndarray, "n k"]:
    """Posterior means ``E[V_k h]``, logits; 0 is the average fitted answer. What an embedding does not tell (``τ ε``) has mean 0.

    Args:
        model: with a bilinear decoder; a network has no score of one objective alone.
        draws: of the globals, ``(s, *shape)``.
        embedding: standardised, as in the model's batches.
    """
    features = model.inputs(embedding) if model.features is None else model.features(embedding).mean
    return (features @ model.objectives(draws).mean(0).T).double().cpu().numpy()


def has_scores(model: VRMModel) -> bool:
    """Whether there are several objectives, each with a score of its own."""
    return model.count > 1 and model.trunk is None


def score_columns(model: VRMModel, draws: Mapping[str, Tensor], batch: Batch) -> dict[str, np.ndarray]:
    """``score_NAME`` of single responses, ``score_NAME_chosen`` and ``score_NAME_rejected`` of pairs, ``(n,)`` each."""
    if not has_scores(model):
        return {}
    sides = {"response": ""} if "response" in batch else {"chosen": "_chosen", "rejected": "_rejected"}
    found = {suffix: objective_scores(model, draws, batch[side]) for side, suffix in sides.items()}
    return {f"score_{name}{suffix}": found[suffix][:, k] for k, name in enumerate(model.shape.objectives) for suffix in found}
