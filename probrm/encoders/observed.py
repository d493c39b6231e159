"""What was observed of answers, in plain arrays: what the layer of an encoder is chosen by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from probrm.data.conversation import Conversation
from probrm.encoders.identity import content_hash

MOST_TEXTS, MOST_ROWS = 2000, 4000
"""Of a subsample: enough for a difference of .01 nats a row, and seconds of encoding with a small model."""
_RARE = 3
"""Users with fewer rows than this have no effect of their own."""


@dataclass(frozen=True)
class Observed:
    """n actions, or n comparisons of two answers. Positions are those in the list of conversations that is encoded.

    Attributes:
        answer: position of the answer; of a pair that of the preferred one.
        group: codes of the prompts: rows of one prompt are held out together.
        outcome: 1 or 0, whether the action was taken; of a pair 1, of a tie 0.5.
        weight: positive.
        other: of pairs the position of the rejected answer; None for actions.
        prompt: position of the prompt's own conversation; None where no model asks for its vector.
        covariates: what makes users act, ``(n, c)``; no columns for pairs.
        user: codes of users; None without.
    """

    answer: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]
    outcome: Float64[np.ndarray, " n"]
    weight: Float64[np.ndarray, " n"]
    other: Int64[np.ndarray, " n"] | None = None
    prompt: Int64[np.ndarray, " n"] | None = None
    covariates: Float64[np.ndarray, "n c"] | None = None
    user: Int64[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        return len(self.answer)

    @property
    def unit(self) -> str:
        """What a row is."""
        return "actions" if self.other is None else "pairs"

    def take(self, rows: Int64[np.ndarray, " m"]) -> Observed:
        """Some rows."""
        taken: dict[str, Any] = {name: None if value is None else value[rows] for name, value in self._columns()}
        return Observed(**taken)

    def subsample(self) -> Observed:
        """At most ``MOST_TEXTS`` answers and ``MOST_ROWS`` rows, as many prompts as there is room for; the same rows every time."""
        draw = np.random.default_rng(0)
        order = draw.permutation(len(self))
        _, prompts = np.unique(self.group, return_inverse=True)
        turn = _occurrence(prompts[order])  # a first row of each prompt, then a second one of each, …
        order = order[np.lexsort((draw.permutation(prompts.max() + 1)[prompts[order]], turn))][:MOST_ROWS]
        texts = np.stack([side[order] for side in (self.answer, self.other) if side is not None], 1)
        new = np.zeros(texts.size, int)
        new[np.unique(texts.ravel(), return_index=True)[1]] = 1
        return self.take(np.sort(order[new.reshape(texts.shape).sum(1).cumsum() <= MOST_TEXTS]))

    def texts(self) -> tuple[Int64[np.ndarray, " t"], Observed]:
        """The positions that these rows need, and the rows with positions among those."""
        sides = {name: value for name, value in self._columns() if name in ("answer", "other", "prompt") and value is not None}
        needed = np.unique(np.concatenate(list(sides.values())))
        moved: dict[str, Any] = {name: np.searchsorted(needed, value) for name, value in sides.items()}
        return needed, replace(self, **moved)

    def nuisance(self) -> tuple[Float64[np.ndarray, "n k"], Float64[np.ndarray, " k"]]:
        """Columns in addition to the answer's vector, and the precision of the normal prior on the weight of each.

        An intercept, the standardised covariates, and an indicator of every user with a few rows; nothing for pairs.
        """
        if self.other is not None:
            return np.zeros((len(self), 0)), np.zeros(0)
        columns, precision = [np.ones((len(self), 1))], [1e-4]
        if self.covariates is not None:
            spread = self.covariates.std(0)
            columns.append((self.covariates - self.covariates.mean(0)) / np.where(spread > 1e-6, spread, 1.0))
            precision += [0.1] * self.covariates.shape[1]
        if self.user is not None:
            users, rows = np.unique(self.user, return_counts=True)
            often = users[rows >= _RARE]
            columns.append((self.user[:, None] == often).astype(float))
            precision += [1.0] * len(often)
        return np.concatenate(columns, 1), np.array(precision)

    def digest(self, conversations: Sequence[Conversation]) -> str:
        """SHA-256 over all that a choice depends on, the texts included."""
        digest = hashlib.sha256(self.unit.encode())
        for name, value in self._columns():
            if value is None:
                continue
            if name in ("answer", "other", "prompt"):
                digest.update(b"".join(content_hash(conversations[at]) for at in value))
            else:
                digest.update(repr((name, value.shape)).encode() + np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def _columns(self) -> list[tuple[str, np.ndarray | None]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def _occurrence(codes: np.ndarray) -> np.ndarray:
    """How often each code has occurred before."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    found = np.empty(len(codes), int)
    found[order] = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    return found
