"""What the tests of products' readers share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import DataError
from tests import products
from tests.products import lines

LOG = products.synthetic_log()


def refused(source: str, spec: LogSpec | None = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_log(source, spec, **options)
    assert "\n" not in caught.value.what + caught.value.fix
    return caught.value


def rows_of(path: str) -> list[dict[str, Any]]:
    text = Path(path).read_text()
    return json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]


def write_langfuse(folder: Path, observations: products.Rows, scores: products.Rows) -> str:
    lines(folder / "observations_v2" / "a.jsonl", observations)
    lines(folder / "scores" / "a.jsonl", scores)
    return str(folder)
