"""Small files that the tests write, and the folder of real ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


@pytest.fixture
def rows() -> dict[str, list[Any]]:
    """A good log of 60 rows; tests spoil it."""
    n = 60
    return {
        "prompt": [f"What is {i} + 1?" for i in range(n)],
        "response": [f"It is {i + 1}." for i in range(n)],
        "action": [int(i % 3 == 0) for i in range(n)],
        "user_id": [f"u{i % 7}" for i in range(n)],
        "hour": [float(i % 24) for i in range(n)],
        "surface": [("ide", "web", "web")[i % 3] for i in range(n)],
        "night": [i % 24 < 6 for i in range(n)],
    }


@pytest.fixture
def save(tmp_path: Path, rows: dict[str, list[Any]]) -> Callable[..., str]:
    """Writes ``rows`` with some columns replaced (``None`` removes one) and returns the path."""

    def write(name: str = "log.parquet", **changed: Any) -> str:
        frame = pd.DataFrame({k: v for k, v in {**rows, **changed}.items() if v is not None})
        path = tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        elif ".csv" in name:
            frame.to_csv(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True)
        return str(path)

    return write


@pytest.fixture
def realhumaneval() -> Path:
    folder = os.environ.get("PROBRM_DATA")
    if not folder or not (Path(folder) / "realhumaneval" / "logs.parquet").is_file():
        pytest.skip("PROBRM_DATA does not name a folder with realhumaneval/logs.parquet")
    return Path(folder) / "realhumaneval"


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Says that so many bytes are free."""
    return lambda free: monkeypatch.setattr("probrm.data.files.memory._machine", lambda: free)
