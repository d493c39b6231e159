"""The first rows of the examples, for pages whose commands are run in small."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = 400


def small_examples(folder: Path) -> None:
    """Makes a folder like ``examples``."""
    folder.mkdir()
    for path in EXAMPLES.iterdir():
        if path.suffix == ".parquet":
            pq.write_table(pq.read_table(path).slice(0, ROWS), folder / path.name)
        elif path.is_file():
            (folder / path.name).symlink_to(path)
