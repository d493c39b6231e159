"""Arrow's compute functions as a type checker can bear them, and its families of types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

kernels: Any = pyarrow.compute
"""The functions of ``pyarrow.compute``, which come to be at import and so are unknown to type checkers."""


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds lists."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def to_float(values: Any) -> np.ndarray:
    """Numbers or booleans as float64, missing ones as NaN."""
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def to_flags(values: Any) -> np.ndarray:
    """Booleans as a numpy array, missing ones as False."""
    return np.array(kernels.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)


def to_names(values: Any) -> np.ndarray:
    """Anything that Arrow casts to text as an object array of str, None where missing or empty."""
    found = np.array(values.cast(pa.large_string()).to_numpy(zero_copy_only=False), dtype=object)
    found[found == ""] = None
    return found


def leaves(values: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    """The arrays that structs, lists, maps, dictionaries and extensions are made of in the end."""
    if isinstance(values, pa.ChunkedArray):
        for chunk in values.chunks:
            yield from leaves(chunk)
        return
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from leaves(values.storage)
    elif pa.types.is_struct(kind):
        for field in values.flatten():
            yield from leaves(field)
    elif pa.types.is_map(kind):
        yield from leaves(values.keys)
        yield from leaves(values.items)
    elif is_list(kind):
        yield from leaves(values.flatten())
    elif pa.types.is_dictionary(kind):
        yield from leaves(values.dictionary)
    elif pa.types.is_run_end_encoded(kind):
        yield from leaves(values.values)
    else:
        yield values
