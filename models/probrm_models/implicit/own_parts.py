"""What is an answer's own: the part of its reward that no feature shows, and answers that a log shows several times.

The reward ``f`` of a row is that of the *average* answer with its features; the answer j itself has

    own logit = √(1 + πτ²/8) f + e_j,    e_j ~ N(0, τ²),

of which ``σ(f)`` is the mean over ``e_j``, to the accuracy of the probit approximation (MacKay 1992, Neural Computation 4). So what is said of
the average answer stays as it is whatever τ is: an answer that is shown once has the likelihood of the average one, and tells nothing of τ.
One that is shown several times has them tied together, ``Σ_k ω_k Π_i P(row i | own logit at e_k)``: the exposures are no independent rows, and
how much they agree is what τ is learned from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from pyro import poutine
from torch import Tensor

from probrm.coordinates.normal_score import HalfNormalScore
from probrm.data.batch import TOGETHER, Batch
from probrm.heads.own_part import stretch
from probrm.inference.device import own_random_stream
from probrm.priors import HalfNormal

SITE = "residual_scale"
COLUMN = TOGETHER
"""Which of the answers that a log shows several times a row has; −1 where its answer is shown once."""
_REACH = 5.0
"""Deviations of the prior over which an answer's part is integrated."""
_BUCKETS = (4, 16, 64, 256, 1024)
"""Exposures up to which answers are integrated over the same places."""
_OBSERVED = ("action", "actions", "label", "weight", "known_propensity")
Given = Callable[[Batch, Sequence[Tensor]], Tensor]
"""From rows and their predictors, the reward in front, ``(*s, n)`` each, to the rows' log densities."""


@dataclass(frozen=True)
class Exposures:
    """Rows of a batch whose answers are shown about equally often, more than once.

    Attributes:
        rows: where they stand, ``(m,)``.
        answer: of each of them, ``(m,)``, counted within these.
        count: rows of each answer, ``(a,)``.
        place: of every row of the batch the answer, 0 where there is none, ``(n,)``.
        repeated: which rows of the batch these are, ``(n,)``.
        at: of every row of the batch where it stands among these, 0 where it does not, ``(n,)``.
        x: places of an answer's part in deviations of its prior, ``(k,)``.
        log_weight: of these places, ``(k,)``.
    """

    rows: Int[Tensor, " m"]
    answer: Int[Tensor, " m"]
    count: Float[Tensor, " a"]
    place: Int[Tensor, " n"]
    repeated: Bool[Tensor, " n"]
    at: Int[Tensor, " n"]
    x: Float[Tensor, " k"]
    log_weight: Float[Tensor, " k"]

    @classmethod
    def of(cls, batch: Batch) -> tuple[Exposures, ...]:
        """Those of a batch, in order of how often they are shown; none where no answer is shown several times."""
        if COLUMN not in batch:
            return ()
        rows = (batch[COLUMN] >= 0).nonzero()[:, 0]
        if not len(rows):
            return ()
        _, answer, count = torch.unique(batch[COLUMN][rows], return_inverse=True, return_counts=True)
        bucket = torch.bucketize(count, torch.tensor(_BUCKETS, device=count.device))[answer]
        return tuple(cls._of(batch, rows[bucket == i], answer[bucket == i]) for i in torch.unique(bucket).tolist())

    @classmethod
    def _of(cls, batch: Batch, rows: Int[Tensor, " m"], answer: Int[Tensor, " m"]) -> Exposures:
        _, answer, count = torch.unique(answer, return_inverse=True, return_counts=True)
        place = torch.zeros_like(batch[COLUMN]).index_copy(0, rows, answer)
        repeated = torch.zeros_like(batch[COLUMN], dtype=torch.bool).index_fill(0, rows, True)
        at = torch.zeros_like(place).index_copy(0, rows, torch.arange(len(rows), device=rows.device))
        x = places(int(count.max())).to(batch["weight"])
        log_weight = -x.square() / 2 + math.log(float(x[1] - x[0])) - math.log(2 * math.pi) / 2
        return cls(rows, answer, count.to(batch["weight"]), place, repeated, at, x, log_weight)

    def narrow(self, batch: Batch) -> Batch:
        """Those rows' columns without their embeddings."""
        few = {name: column.index_select(0, self.rows) for name, column in batch.columns.items() if name in _OBSERVED}
        return Batch(few, len(self.rows), batch.limits)

    def log_density(
        self,
        density: Callable[[Float[Tensor, "*s k m"]], Float[Tensor, "*s k m"]],
        reward: Float[Tensor, "*s m"],
        tau: Float[Tensor, "*s"],
        *,
        held: bool = False,
    ) -> Float[Tensor, "*s a"]:
        """``log ∫ N(x; 0, 1) Π_i P(row i | own logit at τx) dx`` of each answer, by the trapezoidal rule.

        Args:
            density: log densities of the rows given own logits at each place.
            reward: of the rows.
            tau: the deviation.
            held: gives the places' posterior weights as they are, without derivatives: value (up to a constant) and gradient stay the same.
        """
        total = self._by_answer(density(self._own(reward, tau)))
        terms = total + self.log_weight[:, None]
        return (torch.softmax(terms, -2).detach() * total).sum(-2) if held else torch.logsumexp(terms, -2)

    def log_density_apart(
        self,
        density: Callable[[Float[Tensor, "*s k m"]], Float[Tensor, "*s k m"]],
        moved: Callable[[Float[Tensor, "*s k 1 m"]], Float[Tensor, "*s k l m"]],
        reward: Float[Tensor, "*s m"],
        tau: Float[Tensor, "*s"],
    ) -> Float[Tensor, "*s l m"]:
        """What each row adds when it alone is moved to each of l places, beside its share of its answer's log density.

        Args:
            density: as in ``log_density``, where all rows are at their centre.
            moved: of the rows, each at its l places.
            reward: of the rows.
            tau: the deviation.
        """
        own = self._own(reward, tau)
        of_rows = density(own)
        total = self._by_answer(of_rows) + self.log_weight[:, None]
        together = torch.logsumexp(total, -2)
        others = total.index_select(-1, self.answer) - of_rows  # an answer's other rows, at each place of its part
        found = torch.logsumexp(others.unsqueeze(-2) + moved(own.unsqueeze(-2)), -3)
        return found - (together * (1 - 1 / self.count)).index_select(-1, self.answer).unsqueeze(-2)

    def _own(self, reward: Float[Tensor, "*s m"], tau: Float[Tensor, "*s"]) -> Float[Tensor, "*s k m"]:
        tau = tau[..., None, None]
        return stretch(tau) * reward.unsqueeze(-2) + tau * self.x[:, None]

    def _by_answer(self, of_rows: Float[Tensor, "*s k m"]) -> Float[Tensor, "*s k a"]:
        return of_rows.new_zeros((*of_rows.shape[:-1], len(self.count))).index_add(-1, self.answer, of_rows)


def places(exposures: int) -> Float[Tensor, " k"]:
    """Where the part of an answer with so many exposures is looked at.

    The distance is 1.2 deviations of its posterior at τ = 2: the error of the rule is ``exp(−2π² sd² / h²)`` of the integral (Trefethen & Weideman
    2014, SIAM Review 56), about 1e-6.
    """
    apart = 1.2 / math.sqrt(1 + 0.6 * exposures)
    return torch.linspace(-_REACH, _REACH, 1 + 2 * math.ceil(_REACH / apart), dtype=torch.float64)


def tied_density(
    given: Given,
    batch: Batch,
    exposures: Sequence[Exposures],
    predictors: Sequence[Tensor],
    tau: Float[Tensor, "*s"] | None,
    *,
    held: bool = False,
) -> Float[Tensor, "*s n"]:
    """Log densities of a batch's rows; those of an answer that is shown several times together, in equal parts on its rows.

    Args:
        given: of rows as if each answer were shown once.
        batch: the rows.
        exposures: of the batch.
        predictors: of the rows.
        tau: deviation of the answers' own parts; None where no answer is shown several times.
        held: see ``Exposures.log_density``.
    """
    found = given(batch, predictors)
    if tau is None:
        return found
    for several in exposures:
        narrow, rest = several.narrow(batch), [one.index_select(-1, several.rows).unsqueeze(-2) for one in predictors[1:]]
        reward = predictors[0].index_select(-1, several.rows)
        together = several.log_density(lambda own, n=narrow, r=rest: given(n, [own, *r]), reward, tau, held=held)
        found = torch.where(several.repeated, (together / several.count).index_select(-1, several.place), found)
    return found


def apart_density(
    given: Given, batch: Batch, exposures: Sequence[Exposures], predictors: Sequence[Tensor], nodes: Float[Tensor, "*s l n"], tau: Tensor
) -> Float[Tensor, "*s l n"]:
    """Log densities of rows with their propensity at each of several places, the other rows of the same answer at their centre.

    Summed over one user's rows this is how the whole density changes with that user's effect, as far as others' effects stay where they are:
    users who see the same answers are coupled by its part alone, and by less than each of them is by his own rows.

    Args:
        given: of rows as if each answer were shown once.
        batch: the rows.
        exposures: of the batch.
        predictors: reward and propensity of the rows at the centre.
        nodes: propensities at the places.
        tau: deviation of the answers' own parts.
    """
    found = given(batch, [predictors[0].unsqueeze(-2), nodes])
    for several in exposures:
        narrow = several.narrow(batch)
        reward, centre, there = (one.index_select(-1, several.rows) for one in (*predictors[:2], nodes))
        together = several.log_density_apart(
            lambda own, n=narrow, c=centre: given(n, [own, c.unsqueeze(-2)]),
            lambda own, n=narrow, t=there: given(n, [own, t.unsqueeze(-3)]),
            reward,
            tau,
        )
        at = several.at.expand(*together.shape[:-1], -1)
        found = torch.where(several.repeated, together.gather(-1, at), found)
    return found


def sample_scale(prior: Any) -> Tensor:
    """τ from its prior: a parameter of the likelihood, unlike the scale of a prior, so without the mark that Newton's steps leave it alone."""
    own: dict[str, Any] = {"hyper": False}
    if isinstance(prior, HalfNormal):
        own["transform"] = HalfNormalScore(prior.scale)

    def configured(site: Any) -> Any:
        return own

    with poutine.infer_config(config_fn=configured):
        return prior.sample(SITE)


def spread(values: Mapping[str, Tensor], prior: Any) -> Float[Tensor, " s"]:
    """τ at each of s draws: as the log has told it, else from its prior, the same numbers at every call."""
    if SITE in values:
        return values[SITE]
    count = len(next(iter(values.values())))
    with own_random_stream(0), poutine.block(), torch.no_grad():
        return prior.sample(SITE, (count,))
