"""A model without its users' effects: each is summed out over its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from jaxtyping import Float
from pyro.poutine.messenger import Messenger
from torch import Tensor

from probrm.coordinates.sites import trace_globals
from probrm.data.batch import Batch
from probrm.inference.integrated.nodes import Nodes
from probrm.linear import LinearForm
from probrm.model import RewardModel


class SetAside(Messenger):
    """Keeps one global site from whatever looks on from outside, and keeps its prior.

    Args:
        name: of the site.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.prior: Any = None

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] == self.name:
            self.prior = msg["fn"]
            msg["value"] = msg["fn"].mean.detach()
            msg["done"] = msg["stop"] = True


@dataclass(frozen=True)
class Given:
    """What one draw of the globals makes of the users' nodes.

    Attributes:
        values: of the globals, by site.
        points: effects at the nodes, ``(k, u)``.
        log_weight: of the nodes, ``(k, u)``.
        log_prior: log density of the effects' prior there, ``(k, u)``.
    """

    values: dict[str, Tensor]
    points: Float[Tensor, "k u"]
    log_weight: Float[Tensor, "k u"]
    log_prior: Float[Tensor, "k u"]


class Integrated(RewardModel):
    """``p(rows | globals) = Π_u Σ_k w_uk p(α_uk) Π_{i of u} p(row i | globals, α_uk)``.

    All rows are looked at together: those of one user belong to one sum. Where rows of several users are tied (``LinearForm.tied``), each effect
    is summed out with the others at their centre.

    Args:
        model: with linear predictors and users whose effects are independent given the globals.
        nodes: of the users.
    """

    kind = "integrated"

    def __init__(self, model: RewardModel, nodes: Nodes) -> None:
        super().__init__()
        assert model.exchangeable is not None
        self.model, self.site, self.nodes = model, model.exchangeable, nodes
        self._seen: tuple[Batch, LinearForm] | None = None

    def forward(self, batch: Batch) -> None:
        """Issues the model's other global sites, then the likelihood as one factor."""
        given = self.globals(batch)
        form = self.rows(batch)
        of_users = self.of_users(form, list(form.predictors(given.values)), given.points)
        with pyro.plate("rows", 1, dim=-1):
            pyro.factor("integrated_rows", torch.logsumexp(of_users + given.log_prior + given.log_weight, 0).sum()[None])

    def globals(self, batch: Batch) -> Given:
        """One draw of the other sites, and the users' nodes given it."""
        with SetAside(self.site) as aside:
            sites = trace_globals(self.model, batch).nodes
        values = {name: site["value"] for name, site in sites.items() if site["type"] == "sample" and name != self.site}
        prior = aside.prior.base_dist
        nodes = self.nodes.to(batch["weight"])
        points, log_weight = nodes.at(prior.scale.to(nodes.pull))
        return Given(values, points, log_weight, prior.log_prob(points))

    def rows(self, batch: Batch) -> LinearForm:
        """The rows' linear predictors; of one batch, worked out once."""
        if self._seen is None or self._seen[0] is not batch:
            form = self.model.linear_form(batch)
            assert form is not None
            self._seen = batch, form
        return self._seen[1]

    @staticmethod
    def of_users(form: LinearForm, predictors: list[Tensor], points: Float[Tensor, "*s k u"]) -> Float[Tensor, "*s k u"]:
        """``Σ log p(row | α_uk)`` over each user's rows; ``predictors`` are ``(*s, n)`` each, the users' effects left out."""
        assert form.user is not None
        own = predictors[form.user_predictor]
        nodes = own.unsqueeze(-2) + points.index_select(-1, form.user)
        if form.tied is None:
            rows = [one.unsqueeze(-2) for one in predictors]
            rows[form.user_predictor] = nodes
            density = form.density(rows)  # type: ignore[arg-type]
        else:
            assert form.tied.apart is not None
            centre = list(predictors)
            centre[form.user_predictor] = own + points[..., points.shape[-2] // 2, :].index_select(-1, form.user)
            density = form.tied.apart(centre, nodes)
        return torch.zeros_like(points).index_add(-1, form.user, density)

    def reward(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The model's own."""
        return self.model.reward(values, batch)

    def log_likelihood(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The model's own, of values that hold users' effects, too."""
        return self.model.log_likelihood(values, batch)

    @property
    def linear(self) -> bool:
        """The model's own."""
        return self.model.linear
