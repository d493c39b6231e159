"""One of many processes that save into one name at once: ``python -m tests.probrm.disk.racing NUMBER ROUNDS OVERWRITE WAY``.

Each round begins for all at one moment of the clock. A line for each round: what this process was told.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from probrm.disk import TakenError, put_file, recover, renames
from probrm.runs.folder import MARKER, RunTakenError, choose_folder, write_folder


def main(number: str, rounds: int, overwrite: bool, way: str) -> None:
    if way == "fallback":
        renames._library = lambda: None  # type: ignore[assignment]
    begin = float(Path("begin").read_text())

    def fill(folder: Path) -> None:
        for name in ("a", "b", MARKER):
            (folder / name).write_text(number)

    told = []
    for i in range(rounds):
        time.sleep(max(0.0, begin + 0.03 * i - time.time()))
        recover(f"r{i}")
        try:
            write_folder(Path(f"r{i}"), fill, overwrite=overwrite)
            folder = f"r{i}"
        except RunTakenError as error:
            folder = str(error.kept)
        try:
            put_file(f"f{i}.csv", number.encode() * 1000, overwrite=overwrite)
            file = f"f{i}.csv"
        except TakenError as error:
            file = str(error.kept)
        told.append([folder, file])
    choose_folder("later", "m", "d", overwrite=False)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "overwrite", sys.argv[4])
