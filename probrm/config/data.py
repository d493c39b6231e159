"""The ``[data]`` table of any model, after a look at the types: TOML has lists and tables where flags have commas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self, TypeVar

from probrm.errors import ConfigError


class DataSpec(Protocol):
    """A dataclass that says how to read a file; every field has a default."""

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON and TOML."""
        ...

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], /) -> Self:
        """The inverse, which checks names and values."""
        ...


_Spec = TypeVar("_Spec", bound=DataSpec)


def read_data(spec: type[_Spec], settings: Mapping[str, Any], *, presets: Iterable[str]) -> _Spec:
    """The table as ``spec``; a setting is of the type that its default has.

    Args:
        spec: the class of the model's way of reading.
        settings: the table; what is missing keeps its default.
        presets: names of the published forms that there are.

    Raises:
        ConfigError: a table, a list or a name where there should be another of them; what ``spec`` itself refuses.
    """
    for name, default in spec().to_dict().items():
        value = settings.get(name, default)
        if name == "values":
            right, kind, fix = isinstance(value, Mapping), "a table of values and the numbers that they mean", "values = {up = 1, down = 0}"
        elif name == "missing_action":
            right, kind, fix = value is None or (isinstance(value, str | int) and not isinstance(value, bool)), "0", "missing_action = 0"
        elif isinstance(default, Mapping):
            right, kind = isinstance(value, Mapping) and _names(value.values()), "a table of column names"
            fix = f'{name} = {{prompt = "question", response = "answer"}}'
        elif isinstance(default, list):
            right, kind = isinstance(value, list) and _names(value), "a list of names"
            fix = f'{name} = ["a", "b"], or --{name.replace("_", "-")} a,b'
        elif isinstance(default, float):
            right, kind, fix = isinstance(value, float | int) and not isinstance(value, bool), "a number", f"{name} = {default}"
        else:
            right, kind, fix = value is default or isinstance(value, str), "a name", f'{name} = "{default or next(iter(presets), "")}"'
        if not right:
            raise ConfigError(f"data.{name}: found {value!r}; it is {kind}", fix=fix)
    return spec.from_dict(settings)


def _names(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
