"""What every case must hold, whatever it does: the faults of a command that has ended."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

CODES = (0, 2, 3, 4)
"""Success, what a user can mend, data that do not say, a training that failed."""
MOST = 20_000
"""Characters of a message."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys, but for the end of a line and the tabulator."""


def snapshot(folder: Path) -> dict[str, str]:
    """Path → its kind and what it holds."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(at, name)
            mode = os.lstat(path).st_mode
            content = hashlib.md5(Path(path).read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
            found[os.path.relpath(path, folder)] = f"{stat.S_IFMT(mode):o} {content}"
    return found


def faults(argv: Sequence[str], code: object, printed: str, before: Mapping[str, str], folder: Path) -> list[str]:
    """Each in a few words, the same for all cases of one kind."""
    after = snapshot(folder)
    found = []
    if "Traceback (most recent call last)" in printed or "panicked at" in printed or "HDF5-DIAG" in printed:
        found.append("traceback")
    if code not in CODES:
        found.append(f"exit code {code}")
    elif code != 0 and "Usage: " not in printed and not re.search(r"^error: .*\n  fix: ", printed, re.MULTILINE | re.DOTALL):
        found.append("no message")
    if code != 0 and len(printed) > MOST:
        found.append(f"a message of more than {MOST} characters")
    if control := CONTROL.search(printed):
        found.append(f"control character U+{ord(control[0]):04X} in the output")
    changed = sorted(path for path in before if after.get(path) != before[path])
    if changed and not (code == 0 and "--overwrite" in argv):
        found.append(f"changed or gone: {changed[0]}")
    new = [path for path in after if path not in before]
    hidden = [path for path in new if any(part.startswith(".") for part in Path(path).parts)]
    if hidden and not ("--resume" in argv and all(".checkpoint" in path for path in hidden)):
        found.append(f"left behind: {re.sub('[0-9a-f]{8}', '…', hidden[0])}")
    elif new and code != 0 and "fitted and kept: " in printed:  # whole runs, of a comparison that then failed
        found += written(new, before, folder)
    elif new and code != 0 and not (code == 3 and any("mode-1" in path for path in new)):
        found.append(f"half-written: {new[0]}")
    if code == 0:
        found += written(new, before, folder)
    return found


def written(new: Sequence[str], before: Mapping[str, str], folder: Path) -> list[str]:
    """What cannot be opened of what a command left under a name of its own."""
    found = []
    for name in new:
        path = folder / name
        try:
            _open(path, name)
        except Exception as error:  # whatever a reader says, the file is none
            found.append(f"{''.join(path.suffixes[-2:]) or 'a run'} cannot be opened: {type(error).__name__}: {error}"[:200])
    return found


def _open(path: Path, name: str) -> None:
    import json

    import h5py
    import pyarrow.csv
    import pyarrow.parquet as pq

    import probrm
    from probrm.encoders import read_store

    if path.is_file() and h5py.is_hdf5(path):  # of whatever name
        h5py.File(path).close()
    elif path.name == "run.json":
        probrm.load(path.parent)
    elif path.is_dir() or (path.parent / "run.json").is_file():
        return
    elif name.endswith((".csv", ".csv.gz")):
        pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    elif name.endswith(".parquet"):
        pq.read_table(path, use_threads=False)
    elif name.endswith((".jsonl", ".ndjson")):
        [json.loads(line) for line in path.read_text().split("\n") if line]
    elif name.endswith(".json"):
        json.loads(path.read_text())
    elif name.endswith(".safetensors"):
        read_store(path)
    elif name.endswith(".html"):
        content = path.read_text()
        assert content.rstrip().endswith("</html>"), "no end"
        assert "<script>alert" not in content, "texts of the data are read as HTML"
