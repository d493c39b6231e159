"""What is in a set of preference pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from probrm.data import Pairs
from probrm.data.pairs.agreement import contradictions
from probrm.data.pairs.rating_names import is_lower
from probrm.inspection.counting import lengths, repeated, rows_of_each, sorted_notes, users_of
from probrm.inspection.result import Inspection
from probrm.inspection.tokens import measured
from probrm.inspection.warnings import of_balance, of_contradictions, of_repeats, of_tokens


def inspected_pairs(pairs: Pairs, *, other: str = "") -> Inspection:
    """What is in pairs that were read to be fitted."""
    balance, tokens = _balance(pairs), measured(pairs.chosen, pairs.rejected)
    again = repeated((c.prompt_text, c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True))
    against, _ = contradictions(pairs)
    warnings = [
        *of_balance(balance),
        *of_contradictions(against, len(pairs)),
        *of_repeats(again, len(pairs)),
        *of_tokens(tokens),
    ]
    return Inspection(
        file=pairs.source,
        kind="pairs",
        form=pairs.how.form,
        named=pairs.how.named,
        rows=pairs.table.num_rows,
        used=len(pairs),
        columns=pairs.how.columns,
        ignored=list(pairs.how.ignored),
        preferred=pairs.how.preferred,
        exposures=None,
        actions=[],
        labels=None,
        attributes=_attributes(pairs),
        balance=balance,
        users=users_of(pairs.user),
        prompts=rows_of_each(c.prompt_text for c in pairs.chosen),
        duplicates={"repeated": again, "contradictory": against},
        lengths=lengths(pairs.chosen, [*pairs.chosen, *pairs.rejected]),
        tokens=tokens,
        **sorted_notes(pairs.notes),
        warnings=warnings,
        other=other,
    )


def _balance(pairs: Pairs) -> dict[str, Any]:
    tie = pairs.outcome == 0.5
    longer = np.array([len(c.response) - len(r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)])[~tie]
    telling = longer[longer != 0]
    return {
        "ties": int(tie.sum()),
        "longer_preferred": float((telling > 0).mean()) if len(telling) else None,
        "first_preferred": pairs.how.first_preferred,
    }


def _attributes(pairs: Pairs) -> list[Mapping[str, Any]]:
    """Whether the preferred side has the higher score, in the direction in which the attribute counts."""
    found: list[Mapping[str, Any]] = []
    for k, name in enumerate(pairs.attributes):
        assert pairs.chosen_scores is not None
        assert pairs.rejected_scores is not None
        difference = (pairs.chosen_scores[:, k] - pairs.rejected_scores[:, k])[pairs.outcome != 0.5]
        known = difference[np.isfinite(difference)]
        counts = {"scored": len(known), "agree": int((known > 0).sum()), "disagree": int((known < 0).sum())}
        found.append({"name": name, "lower_is_better": is_lower(name), **counts})
    return found
