"""A model without its users' effects: each is summed out over its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from jaxtyping import Float
from pyro import poutine
from pyro.distributions import Independent
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import HalfNormal

from probrm.coordinates.normal_score import HalfNormalScore
from probrm.data.batch import Batch
from probrm.inference.integrated.nodes import Nodes
from probrm.linear import LinearForm
from probrm.model import RewardModel
from probrm.process import Process, Statements


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


POINTS, LOG_WEIGHT, LOG_PRIOR = "user_points", "user_log_weight", "user_log_prior"
"""What goes with one draw of the globals: effects at the users' nodes, log weights of these, and the log density of the effects' prior there, ``(k, u)`` each."""


class Integrated(Process, RewardModel):
    """``p(rows | globals) = Π_u Σ_k w_uk p(α_uk) Π_{i of u} p(row i | globals, α_uk)``.

    All rows are looked at together: those of one user belong to one sum. Where rows of several users are tied (``LinearForm.tied``), each effect
    is summed out with the others at their centre.

    Args:
        model: with ``globals`` that issue its global sites, linear predictors, and users whose effects are independent given the globals.
        nodes: of the users.
    """

    kind = "integrated"

    def __init__(self, model: RewardModel, nodes: Nodes) -> None:
        super().__init__()
        assert model.exchangeable is not None
        self.model, self.site, self.nodes = model, model.exchangeable, nodes
        self._seen: tuple[Batch, LinearForm] | None = None
        self._scores: dict[str, HalfNormalScore] = {}

    def globals(self) -> dict[str, Tensor]:
        """One draw of the other sites, and the users' nodes given it."""
        with SetAside(self.site) as aside, poutine.infer_config(config_fn=self._of_scale):
            values = dict(cast(Any, self.model).globals())
        del values[self.site]
        prior = aside.prior.base_dist
        scale = prior.scale
        nodes = self.nodes.to(next(iter(values.values())))
        points, log_weight = nodes.at(scale.to(nodes.pull))
        return values | {POINTS: points, LOG_WEIGHT: log_weight, LOG_PRIOR: prior.log_prob(points)}

    def _of_scale(self, site: Any) -> Any:
        """The effects' scale is a latent like any other once they are summed out: it has a mode, in coordinates in which its prior is normal."""
        fn = site["fn"]
        prior = fn.base_dist if isinstance(fn, Independent) else fn
        if not site["name"].startswith(f"{self.site}_") or not isinstance(prior, HalfNormal):
            return {}
        score = self._scores.setdefault(site["name"], HalfNormalScore(float(prior.scale)))
        return {"hyper": False, "transform": score}

    def rows(self, values: Mapping[str, Tensor], batch: Batch, statements: Statements) -> None:
        """The likelihood as factors of the rows: of each an equal part of its user's."""
        form = self.form_of(batch)
        assert form.user is not None
        of_users = self.of_users(form, list(form.predictors(values)), values[POINTS])
        total = torch.logsumexp(of_users + values[LOG_PRIOR] + values[LOG_WEIGHT], 0)
        count = torch.zeros_like(total).index_add(0, form.user, torch.ones_like(form.user, dtype=total.dtype))
        statements.factor("integrated_rows", (total / count.clamp_min(1.0)).index_select(0, form.user))

    def form_of(self, batch: Batch) -> LinearForm:
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
