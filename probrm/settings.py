"""A model's settings as dataclasses: checked when they are made, JSON and TOML on the way out and back.

::

    @dataclass(frozen=True, config=STRICT)          # pydantic.dataclasses
    class MyConfig(Settings):
        error_rate: PriorSlot = Beta(1.0, 9.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Self

from pydantic import ConfigDict, TypeAdapter

from probrm.priors import Prior, prior_to_dict

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""A misspelt field is an error; fields may hold priors."""


class Settings:
    """Base class of a dataclass of settings; its fields hold numbers, texts, tuples, priors and other dataclasses."""

    def to_dict(self) -> dict[str, Any]:
        """As nested plain types; see ``from_dict``.

        Raises:
            ValueError: a prior that is not registered has no name to be restored by.
        """
        return plain(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Settings from nested mappings; what is missing keeps its default.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """
        return TypeAdapter(cls).validate_python(dict(settings))


def plain(value: Any) -> Any:
    """A setting as JSON has it: priors by name, dataclasses as tables, tuples as lists."""
    if isinstance(value, Prior):
        return prior_to_dict(value)
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value
