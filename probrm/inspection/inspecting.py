"""A file looked at: read as a fit reads it, and what is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.config.data import read_data
from probrm.data import read_log, read_pairs
from probrm.errors import DataError
from probrm.inspection.kinds import SPECS, likely_kinds, presets_of
from probrm.inspection.logs import inspected_log
from probrm.inspection.pairs import inspected_pairs
from probrm.inspection.result import Inspection, Kind

_OTHER = {"log": "as a log of actions", "pairs": "as preference pairs"}


def inspect_file(source: str, settings: Mapping[str, Any] | None = None) -> Inspection:
    """What would be read from a file and how; the readers are those of a fit.

    Args:
        source: anything that ``read_table`` reads, or an export of a product.
        settings: a ``[data]`` table, as for a fit: ``{"columns": {"prompt": "question"}}``.

    Raises:
        ConfigError: a setting has an unknown name or a value that is not allowed.
        DataError: it can be read neither as a log nor as pairs: what a fit says of the likelier one, and why it is not the other.
    """
    settings = dict(settings or {})
    first, *others = likely_kinds(source, settings)
    try:
        return _inspected(first, source, settings)
    except DataError as error:
        error.__traceback__ = None  # it would keep the table while it is read once more
        for other in others:
            try:
                found = _inspected(other, source, settings, instead_of=f"{_OTHER[first]}: {_reason(error, source)}; {error.fix}")
            except DataError as second:
                if second.what != error.what:
                    brief = _reason(second, source).split("; ")[0]
                    error = DataError(f"{error.what}; {_OTHER[other]}: {brief}", fix=error.fix)
                raise error from None
            return found
        raise


def _inspected(kind: Kind, source: str, settings: Mapping[str, Any], *, instead_of: str = "") -> Inspection:
    spec = read_data(SPECS[kind], settings, presets=presets_of(kind))
    if kind == "log":
        return inspected_log(read_log(source, spec), other=instead_of)
    return inspected_pairs(read_pairs(source, spec), other=instead_of)


def _reason(error: DataError, source: str) -> str:
    return error.what.removeprefix(source).lstrip(", :")
