"""Whether a file is likelier a log of actions or a set of preference pairs, from the names of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.columns.matching import NATIVE
from probrm.data.files.hints import check_known
from probrm.data.logs.presets import PRESETS as LOG_PRESETS
from probrm.data.logs.spec import LogSpec
from probrm.data.pairs.answer_lists import holds_answer_lists
from probrm.data.pairs.formats import PAIR_NATIVE, PRESETS, holds_pairs, holds_published_ratings
from probrm.data.pairs.rating_names import is_rank, is_rating
from probrm.data.pairs.side_by_side import sides_of
from probrm.data.pairs.spec import PairSpec
from probrm.data.products.annotated_pairs import annotated_pairs
from probrm.data.products.records import peek
from probrm.data.products.registry import PRODUCTS, among
from probrm.errors import ConfigError
from probrm.inspection.columns import columns_of
from probrm.inspection.result import Kind

SPECS: Mapping[Kind, Any] = {"log": LogSpec, "pairs": PairSpec}
"""How each kind is read."""
_PRESETS: Mapping[Kind, tuple[str, ...]] = {"log": (*LOG_PRESETS, *PRODUCTS), "pairs": tuple(PRESETS)}
_NAMES: Mapping[Kind, str] = {"log": "a log of actions", "pairs": "preference pairs"}
_COLUMNS: Mapping[Kind, Mapping[str, Any]] = {"log": NATIVE, "pairs": PAIR_NATIVE}


def presets_of(kind: Kind) -> tuple[str, ...]:
    """What ``--preset`` can name for files of a kind."""
    return _PRESETS[kind]


def possible_kinds(settings: Mapping[str, Any]) -> list[Kind]:
    """The kinds of files that these ``[data]`` settings can be about.

    Raises:
        ConfigError: some belong to logs alone and others to pairs alone, or a preset or a column's native name is none of either.
    """
    if settings.get("preset"):
        check_known("preset", settings["preset"], [*_PRESETS["log"], *_PRESETS["pairs"]], "--preset langfuse")
    for native in settings.get("columns", {}):
        check_known("columns", native, dict.fromkeys((*NATIVE, *PAIR_NATIVE)), "--columns prompt=question")
    found: list[Kind] = [kind for kind in SPECS if not _foreign(settings, kind)]
    if not found:
        said = "; ".join(f"{', '.join(_foreign(settings, kind))} cannot be said of {name}" for kind, name in _NAMES.items())
        raise ConfigError(f"these flags belong to no one kind of file: {said}", fix="leave out those of the other kind")
    return found


def _foreign(settings: Mapping[str, Any], kind: Kind) -> list[str]:
    """The settings that files of a kind do not have, as flags."""
    names = [f"--{key.replace('_', '-')}" for key in settings if key not in SPECS[kind]().to_dict()]
    if settings.get("preset") and settings["preset"] not in _PRESETS[kind]:
        names.append(f"--preset {settings['preset']}")
    return [*names, *(f"--columns {native}=" for native in settings.get("columns", {}) if native not in _COLUMNS[kind])]


def likely_kinds(source: str, settings: Mapping[str, Any]) -> list[Kind]:
    """The kinds that a file may be of, the likelier first.

    Args:
        source: anything that ``read_table`` reads, or an export of a product.
        settings: a ``[data]`` table.

    Raises:
        ConfigError: as in ``possible_kinds``.
        DataError: it cannot be read.
    """
    possible = possible_kinds(settings)
    if len(possible) == 1:
        return possible
    return ["pairs", "log"] if _looks_like_pairs(source, settings.get("columns", {})) else ["log", "pairs"]


def _looks_like_pairs(source: str, columns: Mapping[str, str]) -> bool:
    seen = peek(source)
    product = None if seen is None else among(seen)
    names = columns_of(source)
    if product is not None:
        annotated = product.name in ("argilla", "label-studio") and annotated_pairs(source) is not None
        return annotated or holds_pairs(names)
    named = {native for native, column in columns.items() if column}
    there = {*names, *named}
    if "action" in there:
        return False
    rated = bool({"response", "overall"} & there) and any(is_rating(name) or is_rank(name) for name in there)
    two = sides_of(there, columns) is not None  # a column that says which is preferred may have any name
    return two or holds_pairs(there) or holds_published_ratings(there) or holds_answer_lists(there) or rated
