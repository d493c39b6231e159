"""What is in a log of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from probrm.data import Log
from probrm.data.logs.actions import ActionSpec
from probrm.inspection.counting import lengths, repeated, rows_of_each, sorted_notes, spread, users_of
from probrm.inspection.covariates import possible_covariates
from probrm.inspection.result import Inspection
from probrm.inspection.tokens import measured
from probrm.inspection.warnings import of_covariates, of_exposures, of_labels, of_rates, of_repeats, of_tokens, of_users


def inspected_log(log: Log, *, other: str = "") -> Inspection:
    """What is in a log that was read to be fitted."""
    assert log.exposures is not None
    actions, label, tokens = _actions(log), _labels(log.label), measured(log.conversations)
    users, again = users_of(log.user), repeated((c.prompt_text, c.response) for c in log.conversations)
    warnings = [
        *of_exposures(log.exposures),
        *of_rates(actions),
        *of_users(users),
        *of_covariates(possible_covariates(log), list(log.propensity.columns)),
        *of_labels(label),
        *of_repeats(again, len(log)),
        *of_tokens(tokens),
    ]
    return Inspection(
        file=log.source,
        kind="log",
        form=log.how.form,
        named=log.how.named,
        rows=log.table.num_rows,
        used=len(log),
        columns=log.how.columns,
        ignored=list(log.how.ignored),
        preferred="",
        exposures=log.exposures.to_dict(),
        actions=actions,
        labels=label,
        attributes=[],
        balance=None,
        users=users,
        prompts=rows_of_each(c.prompt_text for c in log.conversations),
        duplicates={"repeated": again},
        lengths=lengths(log.conversations, log.conversations),
        tokens=tokens,
        **sorted_notes(log.notes),
        warnings=warnings,
        other=other,
    )


def _actions(log: Log) -> list[Mapping[str, Any]]:
    if log.actions is None:
        assert log.action is not None
        return [_action(log.action, ActionSpec(log.how.columns["action"]))]
    return [_action(log.actions[spec.column], spec) for spec in log.action_specs]


def _action(values: np.ndarray, spec: ActionSpec) -> dict[str, Any]:
    seen = values[np.isfinite(values)]
    found: dict[str, Any] = {"column": spec.column, "kind": spec.kind, "against": spec.against, "observed": len(seen)}
    if spec.kind == "binary":
        return found | {"taken": (taken := int(seen.sum())), "rate": taken / len(seen)}
    if spec.kind == "ordinal":
        return found | {"levels": {name: int((seen == code).sum()) for code, name in enumerate(spec.levels)}}
    return found | {"seconds": spread(seen)}


def _labels(label: np.ndarray | None) -> dict[str, int] | None:
    if label is None:
        return None
    return {"good": int((label == 1).sum()), "bad": int((label == 0).sum()), "missing": int(np.isnan(label).sum())}
