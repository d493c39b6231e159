"""What is found in a file, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["log", "pairs"]


@dataclass(frozen=True)
class Inspection:
    """How a file is read, and what is in it. Every field is plain data, and what does not apply is None or empty.

    Attributes:
        file: what was read.
        kind: ``log`` of actions, or ``pairs``.
        form: what ``--preset`` calls its form; empty: a plain table.
        named: whether the form was named rather than recognised.
        rows: rows of the file, or of the table that its form is read as.
        used: rows of a log, or pairs, that a model is fitted to.
        columns: native name → what the file calls it.
        ignored: columns that nothing is read from.
        preferred: of pairs, what makes a response preferred and in which direction.
        exposures: of a log, ``verdict``, ``rows``, ``acted``, ``why`` and ``advice`` of the exposure audit.
        actions: of a log, a table an action: ``column``, ``kind``, ``against`` and ``observed`` rows; ``taken`` and ``rate`` of a binary
            one, ``levels`` of an ordinal one, ``seconds`` (``median``, ``p90``, ``max``) of a duration.
        labels: of a log, rows whose explicit label is ``good``, ``bad`` or ``missing``.
        attributes: of pairs, a table an attribute: ``name``, ``lower_is_better``, ``scored`` pairs, and how many ``agree`` or
            ``disagree`` with the preference.
        balance: of pairs, ``ties``, the share of the others in which the longer response is preferred (``longer_preferred``), and that
            in which the first one is (``first_preferred``; None where there is no order).
        users: ``count``, rows without one (``anonymous``), and ``median`` and ``max`` of the rows of a user; None without users.
        prompts: distinct ``count``, and ``median`` and ``max`` of the rows of a prompt.
        duplicates: ``repeated`` rows (pairs) that say again what an earlier one says; of pairs also ``contradictory`` ones.
        lengths: of ``prompt`` and ``response``, ``words`` and ``characters``, each with ``median``, ``p90`` and ``max``.
        tokens: how the encoder would cut: ``encoder``, ``max_length``, ``texts`` measured ``of`` how many, ``median``, ``p90`` and
            ``max`` tokens, ``cut`` texts and, of pairs, ``same_sides``, both among the measured; None where its tokenizer is not at hand.
        dropped: what is not used, and why.
        notes: what a fit would note on the reading.
        warnings: what to look at before fitting.
        other: why the file is not read as the other kind, where that seemed likelier; else empty.
    """

    file: str
    kind: Kind
    form: str
    named: bool
    rows: int
    used: int
    columns: Mapping[str, str]
    ignored: list[str]
    preferred: str
    exposures: Mapping[str, Any] | None
    actions: list[Mapping[str, Any]]
    labels: Mapping[str, int] | None
    attributes: list[Mapping[str, Any]]
    balance: Mapping[str, Any] | None
    users: Mapping[str, Any] | None
    prompts: Mapping[str, Any]
    duplicates: Mapping[str, Any]
    lengths: Mapping[str, Mapping[str, Mapping[str, float]]]
    tokens: Mapping[str, Any] | None
    dropped: list[str]
    notes: list[str]
    warnings: list[str]
    other: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
