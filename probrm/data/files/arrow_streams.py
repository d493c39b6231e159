"""Arrow's own files, as ``datasets`` keeps them: what their packed parts take in memory.

Source: https://github.com/apache/arrow/blob/main/format/Message.fbs and https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa

from probrm.data.files.memory import check_room

_DICTIONARY, _BATCH = 2, 3
_BUFFERS, _COMPRESSION = 2, 3


def check_stream(path: Path, source: str) -> None:
    """Refuses a file that does not fit into memory, packed parts counted as what they say that they unpack to.

    Raises:
        DataError: there is less memory.
        pa.ArrowException: it is no such file.
    """
    size = path.stat().st_size
    check_room(source, size)
    with pa.memory_map(str(path)) as file:
        for message in pa.ipc.MessageReader.open_stream(file):
            size += _unpacked(message)
            check_room(source, size)


def _unpacked(message: pa.Message) -> int:
    """Bytes that a batch unpacks to; 0 of one that is not packed."""
    if message.body is None:
        return 0
    data, body = memoryview(message.metadata), memoryview(message.body)
    try:
        root = _at("<I", data, 0)
        kind, header = _field(data, root, 1), _follow(data, root, 2)
        if kind is None or header is None or data[kind] not in (_DICTIONARY, _BATCH):
            return 0
        if data[kind] == _DICTIONARY:
            header = _follow(data, header, 1)
        if header is None or _field(data, header, _COMPRESSION) is None or (places := _follow(data, header, _BUFFERS)) is None:
            return 0
        size = 0
        for number in range(_at("<I", data, places)):
            offset, length = struct.unpack_from("<qq", data, places + 4 + 16 * number)
            if length >= 8:
                size += max(0, _at("<q", body, offset))
        return size
    except (struct.error, IndexError):  # damaged: who reads it says so
        return 0


def _at(form: str, data: memoryview, place: int) -> int:
    return struct.unpack_from(form, data, place)[0]


def _field(data: memoryview, table: int, number: int) -> int | None:
    """Where a table has a field; None where it has none."""
    head = table - _at("<i", data, table)
    if 4 + 2 * number >= _at("<H", data, head):
        return None
    offset = _at("<H", data, head + 4 + 2 * number)
    return table + offset if offset else None


def _follow(data: memoryview, table: int, number: int) -> int | None:
    place = _field(data, table, number)
    return None if place is None else place + _at("<I", data, place)
