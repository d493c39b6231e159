"""The command line as tests use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import support


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROBRM_DEBUG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # parallel workers have it
    with support.environment():
        yield


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Writes the unlabelled log with some columns replaced (``None`` removes one) and returns the path."""

    def write(name: str = "bad.parquet", rows: int = 300, **changed: Any) -> str:
        frame = support.unlabelled(rows)
        for column, values in changed.items():
            frame = frame.drop(columns=column) if values is None else frame.assign(**{column: pd.Series(values, dtype=object)})
        frame = frame.infer_objects()
        path = tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False)
        return str(path)

    return write
