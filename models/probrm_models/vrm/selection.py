"""Are there several objectives in these pairs? Five folds over the prompts say whether a gate predicts new prompts better.

Bradley–Terry stays where the gate's out-of-fold gain is below three prompt-clustered standard errors: prompts that do not ask for
different things make a gate that learns noise, and one split of a tenth of the prompts cannot tell.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.progress import Progress, silent
from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.warm_start.at_gate import PRECISION
from probrm_models.vrm.warm_start.gate import GateRows, best_scale, ridge, ridge_variance
from probrm_models.vrm.warm_start.gate_posterior import fit_posterior

FOLDS = 5
ERRORS = 3.0
"""Standard errors that the gain has to be away from zero."""
SCALES = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Of Bradley–Terry's weights, logits: those that are tried."""
RATIOS = (1.0, 3.0, 10.0, 30.0)
"""ρ: those that are tried, upwards while a larger one predicts better."""
FEWEST = 10
"""Prompts from which on folds over them say something of objectives; of the scale alone ``FOLDS`` do."""
_FIRST = 2
"""Folds that choose K and ρ; the others see the best of them only."""
_STEPS = 200
"""Of the posterior in a fold."""
_EDGE = 1e-6
_MIDDLE = 0.8
"""s, where several objectives are asked for and there are fewer."""


@dataclass(frozen=True)
class Selection:
    """What the folds say.

    Attributes:
        objectives: K; 1 where Bradley–Terry stays.
        ratio: ρ, variance of the contrasts' weights in that of the shared ones.
        scale: s, standard deviation of the shared weights, logits; None where too few prompts leave it to its evidence.
        gain: mean out-of-fold gain of the best gate over Bradley–Terry, nats a pair.
        z: that over its prompt-clustered standard error.
        forced: whether the settings, or too few prompts, decided instead.
        left_out: each pair's logit by the folds that it is not in, and its posterior variance, ``(2, n)``; None where there were no folds.
    """

    objectives: int
    ratio: float
    scale: float | None
    gain: float | None = None
    z: float | None = None
    forced: bool = False
    left_out: Tensor | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without the logits."""
        found = asdict(replace(self, left_out=None))
        del found["left_out"]
        return found

    def note(self) -> str:
        """For the user."""
        used = "one objective" if self.objectives == 1 else f"{self.objectives} objectives"
        if self.gain is None or self.z is None:
            return (
                f"{used}, as the settings or the attributes say" if self.forced else f"{used}: fewer than {FEWEST} prompts cannot tell more"
            )
        said = f"five-fold gain of several objectives over Bradley–Terry: {self.gain:+.3f} nats a pair, z = {self.z:.1f}"
        if self.forced:
            return f"{said}; {used} are used because the settings say so"
        return f"{said}: {used} are used" if self.objectives > 1 else f"{said}: one objective; this run predicts as Bradley–Terry"


def select(
    rows: GateRows,
    prompt: Int[Tensor, " n"],
    counts: Sequence[int],
    *,
    precision: float = PRECISION,
    supervision: SupervisionConfig | None = None,
    rule: str = "auto",
    progress: Progress = silent,
) -> Selection:
    """Chooses the number of objectives, and the scales of their weights.

    Args:
        rows: pairs.
        prompt: each one's prompt, equal numbers for equal prompts.
        counts: numbers of objectives that are tried, 2 or more each.
        precision: κ.
        supervision: the loss that attributes add, where rows have targets.
        rule: ``auto``, ``objectives`` or ``one``: the last two force the choice.
        progress: shows the fits.
    """
    folds = fold_of(rows.prompt, prompt)
    prompts = len(prompt.unique())
    if prompts < FOLDS:
        chosen = Selection(1, 1.0, None) if rule == "auto" else Selection(counts[0], RATIOS[0], _MIDDLE, forced=True)
        return Selection(1, 1.0, None, forced=True) if rule == "one" or not counts else chosen
    scale = best_scale(rows, folds, SCALES)

    def single(seen: GateRows, unseen: GateRows) -> tuple[Tensor, Tensor]:
        weights = ridge(seen, scale)
        return unseen.difference @ weights, ridge_variance(seen, weights, scale, unseen)

    alone = _left_out(rows, folds, range(FOLDS), single)
    if rule == "one" or not counts:
        return Selection(1, 1.0, scale, forced=True, left_out=alone)
    if prompts < FEWEST:
        return Selection(1, 1.0, scale, left_out=alone) if rule == "auto" else Selection(counts[0], RATIOS[0], scale, forced=True)

    def logits(k: int, ratio: float, wide: float, among: range) -> Tensor:
        def fitted(seen: GateRows, unseen: GateRows) -> tuple[Tensor, Tensor]:
            draws = fit_posterior(seen, k, wide, ratio, precision, supervision=supervision, steps=_STEPS).logits(unseen)
            advance()
            return torch.logit(draws.sigmoid().mean(0), _EDGE), draws.var(0)

        return _left_out(rows, folds, among, fitted)

    tried: dict[tuple[int, float, float], tuple[float, Tensor]] = {}
    some = folds < _FIRST

    def trial(k: int, ratio: float, wide: float) -> float:
        found = logits(k, ratio, wide, range(_FIRST))
        total = float((rows.weight * rows.loss(found[0]))[some].sum())
        tried[k, ratio, wide] = total, found
        return total

    with progress.task("objectives or one: folds", _FIRST * (len(RATIOS) * len(counts) + 1) + FOLDS - _FIRST) as advance:
        for k in counts:
            last = math.inf
            for ratio in RATIOS:
                total = trial(k, ratio, scale)
                if total > last:
                    break
                last = total
        k, ratio, _ = min(tried, key=lambda each: tried[each][0])
        trial(k, ratio / 4, 2 * scale)  # contrasts of the same size: what objectives leave unsaid makes Bradley–Terry's scale small
        k, ratio, wide = best = min(tried, key=lambda each: tried[each][0])
        several = tried[best][1] + logits(*best, range(_FIRST, FOLDS))
    gain, z = clustered(rows.loss(alone[0]) - rows.loss(several[0]), rows.weight, prompt)
    if rule == "auto" and not z >= ERRORS:
        return Selection(1, 1.0, scale, gain, z, left_out=alone)
    return Selection(k, ratio, wide, gain, z, forced=rule != "auto", left_out=several)


def _left_out(
    rows: GateRows, folds: Tensor, among: range, fitted: Callable[[GateRows, GateRows], tuple[Tensor, Tensor]]
) -> Float[Tensor, "2 n"]:
    """Logits and their variances in the folds ``among``, 0 elsewhere; ``fitted`` has those of its second rows from its first."""
    result = rows.outcome.new_zeros(2, len(rows.outcome))
    for fold in among:
        held = folds == fold
        result[:, held] = torch.stack(fitted(rows.take(~held), rows.take(held)))
    return result


def clustered(gain: Float[Tensor, " n"], weight: Float[Tensor, " n"], prompt: Int[Tensor, " n"]) -> tuple[float, float]:
    """The weighted mean, and that over its standard error when all pairs of a prompt come together."""
    total = float(weight.sum())
    mean = float((weight * gain).sum()) / total
    _, place = prompt.unique(return_inverse=True)
    sums = torch.zeros(int(place.max()) + 1, dtype=torch.float64).index_add_(0, place.cpu(), (weight * (gain - mean)).double().cpu())
    j = len(sums)
    error = math.sqrt(float(sums.square().sum()) * j / max(1, j - 1)) / total
    return mean, mean / error if error > 0 else 0.0


def fold_of(vectors: Float[Tensor, "n p"], prompt: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """A fold for each prompt, by its vector: the same prompt falls into the same fold in whatever order the pairs come, and folds are alike in size."""
    names, place = prompt.unique(return_inverse=True)
    first = torch.full((len(names),), len(prompt)).scatter_reduce(0, place.cpu(), torch.arange(len(prompt)), "amin")
    keys = [hashlib.sha256(vectors[i].float().cpu().numpy().tobytes()).digest() for i in first.tolist()]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    fold = torch.empty(len(keys), dtype=torch.long)
    fold[order] = torch.arange(len(keys)) % FOLDS
    return fold.to(place.device)[place]
