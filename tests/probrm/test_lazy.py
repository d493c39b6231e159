from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from probrm.lazy import lazy

ROOMS = ("probrm", "probrm.reward_benchmarks", "probrm.data", "probrm.encoders", "probrm.evaluation", "probrm.inspection", "probrm.runs")


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_of_a_room_is_there(room: str) -> None:
    package = import_module(room)
    assert package.__all__ == sorted(package.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in package.__all__:
        found = getattr(package, name)
        assert type(found).__name__ != "module", name  # a submodule of that name would hide it


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_costs_nothing_until_it_is_used(room: str) -> None:
    heavy = "{'torch', 'pyro', 'transformers', 'pandas', 'numpy', 'pyarrow', 'sklearn'}"
    code = f"import sys, {room}; print(sorted(set(sys.modules) & {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_names_come_from_their_modules() -> None:
    load = lazy("importlib", machinery="ModuleSpec", util="find_spec module_from_spec")
    assert load("ModuleSpec") is import_module("importlib.machinery").ModuleSpec
    assert load("module_from_spec") is import_module("importlib.util").module_from_spec
    with pytest.raises(AttributeError, match="module 'importlib' has no attribute 'spec'"):
        load("spec")
