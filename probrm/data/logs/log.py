"""A log of user actions: read, checked, and cut to the rows that can be used."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from probrm.data.columns.matching import Part, assign, missing
from probrm.data.columns.roles import Roles
from probrm.data.columns.texts import keep_usable, read_conversations
from probrm.data.columns.values import Cells, binary
from probrm.data.conversation import Conversation
from probrm.data.covariates.derived import derive
from probrm.data.covariates.reading import check_for_fit, read_covariates
from probrm.data.exposures import Exposures, audit, refuse_none
from probrm.data.files.memory import bounded
from probrm.data.how_read import HowRead
from probrm.data.logs.actions import ActionSpec, parse_actions, read_actions
from probrm.data.logs.exposures import cause_of, taken
from probrm.data.logs.labels import with_labels
from probrm.data.logs.opening import open_log
from probrm.data.logs.side_by_side import read_shown
from probrm.data.logs.spec import LogSpec
from probrm.errors import DataError

__all__ = ["Log", "LogSpec", "read_log"]

_TRUTH = ("action", "label", "true_probability", "chosen")  # the last one only where there are pairs


@dataclass(frozen=True)
class Log:
    """The usable rows of a log in the file's order, n of them.

    Attributes:
        source: what was read.
        conversations: n prompts with their responses.
        action: float32 (n,), 0 or 1; None where the file has none and none is required, and where there are ``actions``.
        user: object (n,) of str; None without a user column, or with a single user in a log to be fitted.
        label: float32 (n,), an explicit label 1 or 0, NaN where there is none; None without such a column.
        weight: float32 (n,), positive and finite, ones by default.
        true_probability: float32 (n,), the truth in a simulated log.
        row_id: object (n,) of str: column ``id``, else the 0-based position in the file.
        rows: int64 (n,), 0-based positions in the file.
        propensity: raw covariates of the propensity head, n rows: named ones, then derived ones.
        reward: raw covariates of the reward head in addition to the embedding, n rows.
        notes: what a user should know about the reading, one sentence each.
        table: the file as read, all rows.
        actions: float32 (n,) by column, where several actions are named; see ``read_actions``.
        action_specs: what they are, in the order named.
        propensity_known: float32 (n,) in (0, 1], of the action, from an experiment; NaN where it is to be estimated.
        rival: int64 (n,), position of the answer that was shown beside a row's, −1 where there was none; None without pairs.
        exposures: the audit of a log that is to be fitted; None otherwise.
        won: float32 (n,), 1 or 0 in the first row of each pair with a choice: whether it was chosen; NaN elsewhere.
        how: the form of the file and what became of its columns.
    """

    source: str
    conversations: list[Conversation]
    action: np.ndarray | None
    user: np.ndarray | None
    label: np.ndarray | None
    weight: np.ndarray
    true_probability: np.ndarray | None
    row_id: np.ndarray
    rows: np.ndarray
    propensity: pd.DataFrame
    reward: pd.DataFrame
    notes: list[str]
    table: pa.Table
    actions: dict[str, np.ndarray] | None = None
    action_specs: tuple[ActionSpec, ...] = ()
    propensity_known: np.ndarray | None = None
    rival: np.ndarray | None = None
    won: np.ndarray | None = None
    exposures: Exposures | None = None
    how: HowRead = field(default_factory=HowRead)

    def __len__(self) -> int:
        return len(self.conversations)


@bounded
def read_log(
    source: str,
    spec: LogSpec | None = None,
    *,
    require: Collection[str] = ("action",),
    min_rows: int = 50,
    drop_unshown: bool = True,
    several: bool = True,
    given: pa.Table | None = None,
) -> Log:
    """Reads and checks a log.

    Args:
        source: anything that ``read_table`` reads.
        spec: which column is what.
        require: native columns that must be there in addition to the texts: ``("action",)`` to fit, ``("label",)`` to evaluate, ``()`` to
            score. What is not required and has impossible values is left out with a note. Only when the action is required must
            it vary, are constant covariates and single users left out, and are ignored columns named.
        min_rows: how many usable rows there must be.
        drop_unshown: whether rows with ``shown = 0`` are dropped; they are no exposures.
        several: whether the model knows several actions, which the thumbs of a product's export are.
        given: what was read of the source already; None: it is read.

    Raises:
        DataError: the file, a column, a row or the log as a whole cannot be used; says which, and what is allowed.
    """
    fitting = "action" in require
    opened = open_log(source, spec or LogSpec(), several=several, fitting=fitting, table=given)
    spec, table, notes = opened.spec, opened.table, opened.notes
    parts = assign(table, spec.columns, opened.parts, source)
    several_actions = parse_actions(spec.actions)
    if several_actions:  # they take the place of the native one, whether or not the file has it
        parts.pop("action", None)
    alone = spec.columns.get("prompt") == "" and "response" in parts
    _require(parts, [native for native in require if not (several_actions and native == "action")], table, source, alone=alone)

    rows = _shown(parts, table.num_rows, source, notes) if drop_unshown else np.arange(table.num_rows, dtype=np.int64)
    prompt = parts.get("prompt") or parts.get("messages")
    if prompt is None:
        notes.append("there is no prompt (--columns prompt=): answers are read alone")
    chat = "prompt" not in parts
    found = read_conversations(prompt, parts.get("response"), rows, source, chat=chat, notes=notes, bare=opened.bare)
    conversations, rows = keep_usable(found, rows, source, notes)
    if len(rows) < max(min_rows, 1):
        raise DataError(
            f"{source}: {len(rows)} usable rows; at least {max(min_rows, 1)} are needed" + "".join(f" ({note})" for note in notes),
            fix="give more rows; from fewer nothing can be distinguished",
        )
    missing_action = None if spec.missing_action is None else float(spec.missing_action)
    roles = Roles(source, parts, rows, fitting, frozenset(require), notes, spec.values, missing_action)
    action, label = roles.action(), roles.label()
    if spec.labels is not None and fitting:
        label = with_labels(label, conversations, spec.labels, source, notes)
    actions, specs = None, ()
    if several_actions:
        actions, specs = read_actions(table, several_actions, rows, source, codes=spec.values, missing=missing_action, notes=notes)
    shown = read_shown(roles, [c.prompt_text for c in conversations]) if fitting else None
    known = roles.propensity()
    if known is not None and len(specs) > 1:
        raise DataError(
            f"{source}, column {parts['propensity'].name!r}: a known propensity is that of one action, and --actions names {len(specs)}",
            fix="name one action, or leave the propensity out: --columns propensity=",
        )
    truth = {parts[name].name: name.replace("_", " ") for name in _TRUTH[: None if shown else -1] if name in parts}
    propensity = read_covariates(table, spec.propensity_features, rows, source, flag="--propensity-features", truth=truth, notes=notes)
    propensity = pd.concat([propensity, derive(conversations, spec.derived)], axis=1)
    reward = read_covariates(table, spec.reward_features, rows, source, flag="--reward-features", truth=truth, notes=notes)
    ignored: list[str] = []
    if roles.fitting:
        propensity = check_for_fit(propensity, source, "--propensity-features", notes)
        reward = check_for_fit(reward, source, "--reward-features", notes)
        ignored = _note_covariates(table, parts, spec, [propensity, reward], notes)
    found = None
    if fitting:
        acted, always = taken(action, actions, specs)
        cause = opened.cause or cause_of(parts)
        found = audit(
            len(rows),
            acted,
            cause=cause,
            always=always or shown is not None,
            file_rows=0 if "true_probability" in parts else table.num_rows,
        )
        refuse_none(found, source)
    return Log(
        source=source,
        conversations=conversations,
        action=action,
        user=roles.user(),
        label=label,
        weight=roles.weight(),
        true_probability=roles.true_probability(),
        row_id=roles.row_id(),
        rows=rows,
        propensity=propensity,
        reward=reward,
        notes=notes,
        table=opened.whole,
        actions=actions,
        action_specs=specs,
        propensity_known=known,
        rival=None if shown is None else shown.rival,
        won=None if shown is None else shown.won,
        exposures=found,
        how=HowRead(
            form=opened.form,
            named=bool(spec.preset),
            columns={native: part.name for native, part in parts.items() if part.name not in ignored},
            ignored=tuple(ignored),
        ),
    )


def _require(parts: dict[str, Part], require: Collection[str], table: pa.Table, source: str, *, alone: bool) -> None:
    prompt = parts.get("prompt") or parts.get("messages")
    if prompt is None and not alone:
        raise missing(source, "prompt", "prompt", table.column_names)
    could_hold_answer = prompt is not None and ("prompt" not in parts or pa.types.is_nested(prompt.values.type))
    for native in (*(() if could_hold_answer else ("response",)), *require):
        if native not in parts:
            raise missing(source, native, native, table.column_names)


def _shown(parts: dict[str, Part], n: int, source: str, notes: list[str]) -> np.ndarray:
    rows = np.arange(n, dtype=np.int64)
    if "shown" not in parts:
        return rows
    cells = Cells.of(source, parts["shown"].name, parts["shown"].values, rows)
    shown = binary(cells, fix="say 1 where the response was shown; to take all rows as shown: --columns shown=") > 0
    if not shown.all():
        notes.append(f"dropped: {int((~shown).sum())} of {n} rows were not shown ({parts['shown'].name} = 0)")
    return rows[shown]


def _note_covariates(table: pa.Table, parts: dict[str, Part], spec: LogSpec, frames: list[pd.DataFrame], notes: list[str]) -> list[str]:
    """Notes covariates that both heads see, and columns that nothing is read from; these are returned."""
    both = [str(name) for name in frames[0].columns if name in frames[1].columns]
    if both:
        notes.append(
            f"covariates in both heads: {', '.join(both)}; they do not help to tell preference from activity, "
            "only what the propensity sees and the reward does not see does"
        )
    unused = {"session_id", "timestamp"}
    used = {part.name for native, part in parts.items() if native not in unused}
    used |= {*spec.propensity_features, *spec.reward_features, *(action.column for action in parse_actions(spec.actions))}
    nested = {field.name for field in table.schema if pa.types.is_nested(field.type)}
    used |= nested & {re.split(r"[.\[]", name)[0] for name in used}  # something is read from them: a path leads into them
    ignored = [name for name in table.column_names if name not in used]
    if ignored:
        notes.append(f"ignored columns: {', '.join(ignored)}; name them with --propensity-features or --reward-features to use them")
    return ignored
