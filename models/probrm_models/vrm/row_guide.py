"""The guide over what belongs to the rows of a training set: objective weights of prompts, features of responses."""

from __future__ import annotations

from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.model import Values
from probrm.process import Process, Statements
from probrm_models.vrm.networks import AmortisedFeatures, DirichletWeights, LogisticNormalWeights


class ResponseTable(nn.Module):
    """``q(ε_j)``, a diagonal normal of its own for each of J training responses.

    A response that was judged is known better than by its embedding. A network that sees the embedding alone cannot say
    so: it leaves what the judgments of one response have in common to the objectives' weights, and their posterior comes
    out too narrow.

    Args:
        loc: first means, ``(J, K)``.
        scale: first standard deviations, ``(J, K)``.
    """

    def __init__(self, loc: Float[Tensor, "j k"], scale: Float[Tensor, "j k"]) -> None:
        super().__init__()
        self.loc = nn.Parameter(loc.clone())
        self.raw_scale = nn.Parameter(scale.expm1().clamp(min=1e-4).log())

    def forward(self, index: Int[Tensor, " n"]) -> Any:
        """Of n rows, event shape ``(K,)``."""
        return dist.Normal(self.loc[index], F.softplus(self.raw_scale[index])).to_event(1)


class VRMRowGuide(Process):
    """``q(w | x) q(z) q(z')`` of each pair.

    Args:
        weights: the model's own network: it is trained here and predicts there.
        features: the model's own network from embeddings, or a ``ResponseTable`` or network that only the training needs.
    """

    def __init__(
        self, weights: DirichletWeights | LogisticNormalWeights, features: ResponseTable | AmortisedFeatures, *, own: bool
    ) -> None:
        super().__init__()
        self._networks = [weights, features]  # in a list: what is registered with the model is not registered again
        self.features = features if own else None

    def densities(self) -> list[nn.Parameter]:
        """Parameters that are densities' own."""
        return list(self.features.parameters()) if isinstance(self.features, ResponseTable) else []

    def rows(self, values: Values, batch: Batch, statements: Statements) -> None:
        """Draws the rows' latents."""
        weights, features = self._networks
        given = [values["gate"]] if "gate" in values else []  # a draw of a latent gate
        statements.sample(weights.site, partial(weights.posterior, batch["prompt"], *given))
        for side in ("chosen", "rejected"):
            known = batch[f"{side}_index"] if isinstance(features, ResponseTable) else batch[side]
            statements.sample(f"{side}_features", partial(features, known))


def with_shares(rows: Batch) -> Batch:
    """The rows with one over the number of them that each prompt, and each response, is in."""
    sides = torch.cat([rows["chosen_index"], rows["rejected_index"]])
    responses, prompts = sides.bincount(), rows["prompt_index"].bincount()
    shares = {f"{side}_share": 1.0 / responses[rows[f"{side}_index"]] for side in ("chosen", "rejected")}
    return Batch({**rows.columns, **shares, "prompt_share": 1.0 / prompts[rows["prompt_index"]]}, rows.total)
