from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import probrm.data


@pytest.mark.parametrize("name", probrm.data.__all__)
def test_every_public_name_is_there(name: str):
    assert getattr(probrm.data, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        probrm.data.nothing  # noqa: B018


def test_the_room_itself_imports_nothing_heavy():
    code = "import sys, probrm.data; print([m for m in ('pandas', 'pyarrow', 'datasets', 'torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
