"""What a model says of its settings, so that a fit's can be read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol


class Schema(Protocol):
    """Two tables are the model's own, ``[data]`` and ``[model]``; a ``Recipe`` says how they are read."""

    own_tables: ClassVar[tuple[str, ...]]

    def data_settings(self) -> dict[str, Any]:
        """The defaults of ``[data]``, as nested plain types."""
        ...

    def read_spec(self, settings: Mapping[str, Any]) -> Any:
        """A ``[data]`` table, checked."""
        ...

    def model_settings(self) -> dict[str, Any]:
        """The defaults of ``[model]``, as nested plain types."""
        ...

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A ``[model]`` table, checked and in full."""
        ...

    def defaults(self) -> dict[str, Any]:
        """The model's own defaults of the other tables."""
        ...
