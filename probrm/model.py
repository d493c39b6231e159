"""What every model/guide pair fulfils, so that guides, inference, posterior and runs need not know any model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.linear import LinearForm
from probrm.settings import Settings

Values = Mapping[str, Tensor]
"""The global latents by site name: as one draw (``shape``) or as many (``(s, *shape)``)."""


class RewardModel(nn.Module, ABC):
    """A generative process whose rows are conditionally independent given its global latents.

    A subclass writes ``forward`` as a Pyro model: first the global sites, then everything that belongs to a row inside
    ``pyro.plate("rows", len(batch))`` scaled by ``batch.scale``.

    Args:
        shape: the number and names of its inputs.
        config: settings; None for the defaults.
    """

    kind: ClassVar[str]
    """The name on the command line and in a run (``implicit``)."""
    shape_class: ClassVar[type[Settings]]
    """``LogShape`` or ``PairShape``, or the model's own."""
    config_class: ClassVar[type[Settings]]
    """Its settings: the ``[model]`` table."""
    shape: Any
    config: Any
    may_be_missing: ClassVar[frozenset[str]] = frozenset({"label"})
    """Columns of a batch in which NaN says that there is nothing."""
    observed: ClassVar[str] = "action"
    """The column of a batch whose probability ``log_likelihood`` gives."""
    draws_rows: ClassVar[bool] = False
    """Whether ``reward`` draws latents of the rows, so that what a row gets depends on which rows are beside it."""

    def __init__(self, shape: Any = None, config: Any = None) -> None:
        super().__init__()
        if shape is not None:
            self.shape, self.config = shape, config or self.config_class()

    @abstractmethod
    def forward(self, batch: Batch) -> None:
        """The generative process, as Pyro sample statements."""

    @abstractmethod
    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """The reward of each row, a logit, for one draw of the globals or many."""

    @abstractmethod
    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log p(what was observed in the row | globals)``, row-local latents summed out; not scaled."""

    def ranking(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """What solutions are compared by, in rows that the model is fitted to: the rewards, or of pairs their differences."""
        return self.reward(values, batch)

    def probability(self, reward: Float[Tensor, "*s n"], values: Values) -> Float[Tensor, "*s n"]:
        """The probability that an answer is preferred, given its reward."""
        return reward.sigmoid()

    def own_spread(self, values: Values) -> Float[Tensor, " s"] | None:
        """τ at each of s draws: how far an answer's own logit is from that of the average answer with its features; None: not modelled.

        An answer's own logit is ``√(1 + πτ²/8) reward + N(0, τ²)``.
        """
        return None

    @property
    def logistic(self) -> bool:
        """Whether ``probability`` is ``σ(reward)``."""
        return type(self).probability is RewardModel.probability

    def support(self) -> tuple[float, ...]:
        """The values that the observed column takes."""
        return 0.0, 1.0

    @torch.no_grad()
    def replicate(self, values: Values, batch: Batch) -> dict[str, Float[Tensor, "s n"]]:
        """What might have been observed instead, by name: one draw a row for each of ``s`` draws of the globals.

        They come from ``log_likelihood`` at each value of ``support``; a model of what is not one discrete column says it itself.
        """
        column, levels = batch[self.observed], self.support()
        instead = [Batch({**batch.columns, self.observed: torch.full_like(column, level)}, batch.total) for level in levels]
        each = [self.log_likelihood(values, rows) for rows in instead]
        cumulative = torch.stack(each).exp().cumsum(0)
        place = (torch.rand_like(cumulative[0]) * cumulative[-1] > cumulative[:-1]).sum(0)
        return {self.observed: torch.tensor(levels, dtype=column.dtype, device=column.device)[place]}

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the dimensions of each vector-valued site (``{"weights": ("feature",)}``)."""
        return {}

    def coords(self) -> dict[str, list[str]]:
        """Labels along each named dimension (``{"feature": ["h0", …]}``)."""
        return {}

    def axes(self, site: str, shape: Sequence[int]) -> dict[str, list[str]]:
        """The dimensions of a site's value and the labels along each, as far as ``dims`` and ``coords`` name them, else numbers.

        A Horseshoe's local scales, ``weights_local``, go by the names of ``weights``.
        """
        dims, coords = self.dims(), self.coords()
        names = dims.get(site) or dims.get(site.removesuffix("_local"), ())
        if len(names) != len(shape):
            names = tuple(f"{site}_dim_{i}" for i in range(len(shape)))
        known = {name: coords.get(name, []) for name in names}
        return {
            name: labels if len(labels) == size else [str(i) for i in range(size)]
            for (name, labels), size in zip(known.items(), shape, strict=True)
        }

    def spec(self) -> dict[str, Any]:
        """Constructor arguments as JSON; ``from_spec`` rebuilds the model from them."""
        return {"shape": self.shape.to_dict(), "config": self.config.to_dict()}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The inverse of ``spec``; parameters are loaded separately."""
        return cls(cls.shape_class.from_dict(spec["shape"]), cls.config_class.from_dict(spec["config"]))

    @property
    def linear(self) -> bool:
        """Whether the likelihood depends on the globals through linear predictors alone.

        Then the posterior is near enough to a Gaussian for the Newton–Laplace start.
        """
        return not any(True for _ in self.parameters())

    @property
    def exchangeable(self) -> str | None:
        """The vector-valued site of which each row touches one entry (a user's effect), if there is one.

        Its entries are conditionally independent given the other globals, which makes their block of the Hessian
        diagonal however many there are.
        """
        return None

    def process_differs(self, base: type[RewardModel]) -> bool:
        """Whether a subclass of ``base`` writes part of the process anew: ``base``'s linear form, row by row, is not its own."""
        classes = type(self).__mro__
        process = {name for name, value in vars(base).items() if callable(value) and not name.startswith("__")}
        process |= {"forward", "globals", "rows", "reward"}
        return any(process & vars(cls).keys() for cls in classes[: classes.index(base)])

    def linear_form(self, batch: Batch) -> LinearForm | None:
        """The rows' linear predictors, where the model has such and its author wrote them down; row-local latents summed out.

        It is an accelerator only: without it the curvature comes from one backward pass a coefficient.
        """
        return None

    def mirrors(self, values: Values, batch: Batch) -> list[dict[str, Tensor]]:
        """Other values of the globals (one draw) that may explain the rows as well: where a search for modes looks, too."""
        return []

    @contextmanager
    def marginalised(self) -> Iterator[None]:
        """While it is open, ``forward`` sums row-local latents out; here there are none."""
        yield

    def local_guide(self, **settings: Any) -> nn.Module:
        """An amortised guide over the rows' latents, for the guide named ``amortised``.

        Raises:
            NotImplementedError: the model has no row-local latents in its present form.
        """
        raise NotImplementedError(f"the model {self.kind!r} has no amortised guide")
