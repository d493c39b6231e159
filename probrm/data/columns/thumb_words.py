"""Words that everybody has for thumbs."""

from __future__ import annotations

import pyarrow as pa

from probrm.data.columns.values import MISSING, Cells

WORDS = {
    "up": 1.0,
    "thumbsup": 1.0,
    "thumbs_up": 1.0,
    "thumbs-up": 1.0,
    "thumbs up": 1.0,
    "like": 1.0,
    "liked": 1.0,
    "positive": 1.0,
    "upvote": 1.0,
    "good": 1.0,
    "yes": 1.0,
    "true": 1.0,
    "down": -1.0,
    "thumbsdown": -1.0,
    "thumbs_down": -1.0,
    "thumbs-down": -1.0,
    "thumbs down": -1.0,
    "dislike": -1.0,
    "disliked": -1.0,
    "negative": -1.0,
    "downvote": -1.0,
    "bad": -1.0,
    "no": -1.0,
    "false": -1.0,
}
"""Words that mean one thing everywhere: up is 1, down is -1."""


def has_thumb_words(cells: Cells) -> bool:
    """Whether a column of text holds words for thumbs and nothing else (missing is none), with one that speaks against the answer."""
    if not (pa.types.is_string(cells.values.type) or pa.types.is_large_string(cells.values.type)):
        return False
    words = {str(word).strip().lower() for word in cells.values.unique().to_pylist() if word is not None} - {*MISSING}
    return words <= WORDS.keys() and any(WORDS[word] < 0 for word in words)
