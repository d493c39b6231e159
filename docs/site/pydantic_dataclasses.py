"""Pydantic's dataclasses in the reference: griffe knows the standard library's, which have the same signature."""

from __future__ import annotations

from typing import Any

from griffe import Alias, Extension, Module


class PydanticDataclasses(Extension):
    """Reads ``pydantic.dataclasses.dataclass`` as ``dataclasses.dataclass``."""

    def on_module_members(self, *, mod: Module, **_: Any) -> None:
        """Called by griffe once a module's members are known."""
        for name, path in mod.imports.items():
            member = mod.members.get(name)
            if path == "pydantic.dataclasses.dataclass" and isinstance(member, Alias):
                mod.imports[name] = member.target_path = "dataclasses.dataclass"
