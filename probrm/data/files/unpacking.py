"""How long a file's text is once it is unpacked."""

from __future__ import annotations

import os

import pyarrow as pa

from probrm.data.files.memory import Growing, check_room, largest_text
from probrm.data.files.opening import is_remote, packing

_CHUNK = 1 << 20
_MOST = {"gzip": 1032, "zstd": 1 << 17}
"""How many bytes one packed byte may stand for: https://www.zlib.net/zlib_tech.html; a block of zstd has 128 kB and at least 4 bytes."""


def check_length(path: str, source: str, *, weight: int = 1) -> None:
    """Refuses text that is too long for the memory that is free. A packed file that could be is unpacked once without keeping it.

    Args:
        path: a local file; of a remote one nothing is known.
        source: what messages call it.
        weight: how many times the memory of a table is taken for it.

    Raises:
        DataError: says how long it is.
    """
    if is_remote(path):
        return
    size, packed = os.path.getsize(path), packing(path)
    if packed is None:
        check_room(source, size, what="its text has {}", weight=weight)
    elif size * _MOST[packed] * weight > largest_text():
        with pa.CompressedInputStream(pa.OSFile(path), packed) as stream:  # twice as fast as Python's gzip
            length = Growing(source, "it unpacks to {} or more", weight)
            while chunk := stream.read(_CHUNK):
                length.add(len(chunk))
