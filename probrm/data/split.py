"""Which rows are held out: whole prompts, and whole users."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probrm.errors import ConfigError, DataError


@dataclass(frozen=True)
class Split:
    """Positions of rows, int64 and ascending; each row is in exactly one of the two."""

    train: np.ndarray
    held_out: np.ndarray


def split_rows(
    prompts: Sequence[str], users: Sequence[str] | None, whole: np.ndarray | None = None, *, fraction: float = 0.1, seed: int
) -> Split:
    """Holds out all rows of a ``fraction`` of the prompts and, with users, all rows of a ``fraction`` of the users.

    So nothing that is held out shares its prompt with the training rows by way of a held-out prompt, nor its user by way of a
    held-out user. Who is held out depends on the seed and on each prompt's and user's own text, not on the order of rows: the same
    prompt falls on the same side again when the log has been shuffled. Groups with more than half of the rows are never held out.

    Args:
        prompts: n texts.
        users: n names, or None.
        whole: which rows go with their prompts alone, ``(n,)``: those of an answer that several users are shown stay together.
        fraction: between 0 and 1, of prompts and of users (at least one prompt; users only where it comes to one).
        seed: any integer.

    Raises:
        ConfigError: the fraction is not between 0 and 1.
        DataError: there is one prompt only, so that no row can be held out.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"held-out fraction: found {fraction}; allowed: more than 0 and less than 1", fix="use 0.1")
    by_prompt = _hold_out(prompts, fraction, f"{seed}/prompt", at_least=1)
    if by_prompt.all() or not by_prompt.any():
        raise DataError("the log has one prompt only, so that none can be held out to stop early on", fix="give a log with more prompts")
    held = by_prompt
    if users is not None:
        by_user = _hold_out(users, fraction, f"{seed}/user", at_least=0)
        held = by_prompt | (by_user if whole is None else by_user & ~whole)
        if held.all():  # two prompts and two users: better no held-out user than nothing to learn from
            held = by_prompt
    return Split(np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64))


def _hold_out(names: Sequence[str], fraction: float, salt: str, *, at_least: int) -> np.ndarray:
    codes, distinct = pd.factorize(np.asarray(names, dtype=object))
    rows = np.bincount(codes, minlength=len(distinct))
    wanted = min(max(int(fraction * len(distinct) + 0.5), at_least), len(distinct) - 1)
    order = sorted((c for c in range(len(distinct)) if 2 * rows[c] <= len(codes)), key=lambda c: _draw(str(distinct[c]), salt))
    chosen = np.zeros(len(distinct), dtype=bool)
    chosen[order[:wanted]] = True
    return chosen[codes]


def _draw(name: str, salt: str) -> bytes:
    """A uniform draw that belongs to this name and seed."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, key=hashlib.sha256(salt.encode()).digest()).digest()
