"""Blocks of bytes in which Arrow reads text: a row has to fit into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa

T = TypeVar("T")
_BLOCKS = (1 << 22, 1 << 25, 1 << 28)


def with_larger_block(read: Callable[[int], T]) -> T:
    """What ``read`` gives for a block of four megabytes, or of more where a row is longer.

    Raises:
        pa.ArrowInvalid: what ``read`` raises, or a row is longer than 256 MB.
    """
    for block in _BLOCKS:
        try:
            return read(block)
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error):
                raise
    raise pa.ArrowInvalid(f"a row is longer than {_BLOCKS[-1] >> 20} MB: is a double quote left open?")
