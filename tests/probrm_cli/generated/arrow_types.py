"""A column of every Arrow type and of every dtype of pandas, with values of a role where the type has them, and strange ones where not."""

from __future__ import annotations

import datetime
import decimal
import random
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.probrm_cli.generated.strange import text

DAY, MOMENT = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30)
ITEM = {"role": "user", "content": "q"}
TYPES: dict[str, pa.DataType] = {str(kind): kind for kind in (
    pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
    pa.binary(3), pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.timestamp("s"), pa.timestamp("ms"),
    pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Paris"), pa.duration("s"), pa.duration("ns"), pa.month_day_nano_interval(),
    pa.decimal32(5, 1), pa.decimal64(9, 2), pa.decimal128(38, 4), pa.decimal256(76, 9), pa.list_(pa.string()), pa.list_(pa.int8()), pa.list_(pa.null()),
    pa.large_list(pa.string()), pa.list_(pa.float32(), 2), pa.list_view(pa.int64()), pa.large_list_view(pa.string()), pa.struct([]),
    pa.struct([("role", pa.string()), ("content", pa.string())]), pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    pa.list_(pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(pa.string()))]))), pa.struct([("a", pa.list_(pa.int64())), ("b", pa.null())]),
    pa.map_(pa.string(), pa.string()), pa.map_(pa.int8(), pa.list_(pa.bool_())), pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.uint32(), pa.float64()),
    pa.dictionary(pa.int64(), pa.binary()), pa.run_end_encoded(pa.int32(), pa.string()), pa.run_end_encoded(pa.int16(), pa.int64()),
    pa.dense_union([pa.field("a", pa.int64()), pa.field("b", pa.string())]), pa.sparse_union([pa.field("a", pa.int64()), pa.field("b", pa.string())]),
    pa.uuid(), pa.json_(), pa.bool8(), pa.fixed_shape_tensor(pa.float32(), [2, 2]), pa.opaque(pa.int8(), "t", "v"),
)}  # fmt: skip
DTYPES = (
    "category",
    "category-int",
    "Int64",
    "UInt8",
    "Float32",
    "boolean",
    "string",
    "string[pyarrow]",
    "datetime64[ns]",
    "datetime64[ns, UTC]",
    "timedelta64[ns]",
)
DTYPES += (
    "period",
    "interval",
    "sparse",
    "complex128",
    "float16",
    "object",
    "object-mixed",
    "object-bytes",
    "object-dict",
    "object-decimal",
    "object-uuid",
    "object-date",
)


def arrow_column(name: str, like: list[Any], draw: random.Random) -> Any:
    """``like`` as the type ``name``, with gaps or without; values that the type has where it cannot have these."""
    kind = TYPES[name]
    values = [None if draw.random() < gaps else value for gaps in [draw.choice((0, 0, 0.1, 1))] for value in like]
    for attempt in (values, [_number(value) for value in values], [_some(kind, draw) if value is not None else None for value in values]):
        try:
            return _array(attempt, kind)
        except (pa.ArrowException, TypeError, ValueError, AttributeError, OverflowError):
            continue
    return pa.nulls(len(like), kind)


def _array(values: list[Any], kind: Any) -> Any:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    if pa.types.is_run_end_encoded(kind):
        return pa.RunEndEncodedArray.from_arrays(pa.array(range(1, len(values) + 1), kind.run_end_type), pa.array(values, kind.value_type))
    if pa.types.is_union(kind):
        which = pa.array([i % 2 for i in range(len(values))], pa.int8())
        numbers, texts = pa.array([_number(v) for v in values], pa.int64()), pa.array([None if v is None else str(v) for v in values])
        if kind.mode == "sparse":
            return pa.UnionArray.from_sparse(which, [numbers, texts], ["a", "b"])
        return pa.UnionArray.from_dense(which, pa.array(range(len(values)), pa.int32()), [numbers, texts], ["a", "b"])
    return pa.array(values, kind)


def _number(value: Any) -> Any:
    return None if value is None else int(value) if isinstance(value, bool | int | float) else len(str(value)) % 2


def _some(kind: Any, draw: random.Random) -> Any:
    """A value of the type."""
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_struct(kind):
        return {field.name: _some(field.type, draw) for field in kind}
    if pa.types.is_map(kind):
        return [(_some(kind.key_type, draw), _some(kind.item_type, draw))]
    if pa.types.is_union(kind):
        return None
    if pa.types.is_nested(kind):
        return [_some(kind.value_type, draw)] * getattr(kind, "list_size", draw.randrange(3))
    for value in (
        text(draw),
        b"abc",
        draw.choice((0, 1)),
        decimal.Decimal("1.5"),
        DAY,
        MOMENT,
        MOMENT.time(),
        datetime.timedelta(hours=1),
        uuid.UUID(int=7).bytes,
        b"abc\xff",
    ):
        try:
            pa.array([value], kind)
            return value
        except (pa.ArrowException, TypeError, ValueError, UnicodeEncodeError):
            continue
    return None


def pandas_column(name: str, like: list[Any], draw: random.Random) -> Any:
    """The same of pandas."""
    n, whole = len(like), [int(_number(value) or 0) for value in like]
    plain: dict[str, Any] = {
        "category": lambda: pd.Categorical([str(value) for value in like]),
        "category-int": lambda: pd.Categorical(whole),
        "datetime64[ns]": lambda: pd.date_range("2024", periods=n),
        "datetime64[ns, UTC]": lambda: pd.date_range("2024", periods=n, tz="UTC"),
        "timedelta64[ns]": lambda: pd.to_timedelta(whole, unit="h"),
        "period": lambda: pd.period_range("2024", periods=n, freq="D"),
        "interval": lambda: pd.interval_range(0, n),
        "sparse": lambda: pd.arrays.SparseArray(whole),
        "complex128": lambda: np.array(whole, complex),
        "object": lambda: np.array(like, object),
        "object-mixed": lambda: np.array([draw.choice((value, 1, "x", None, 2.5, True, b"x", float("nan"))) for value in like], object),
        "object-bytes": lambda: np.array([str(value).encode("utf-8", "replace") for value in like], object),
        "object-dict": lambda: np.array([{"role": "user", "content": str(value)} for value in like], object),
        "object-decimal": lambda: np.array([decimal.Decimal(value) for value in whole], object),
        "object-uuid": lambda: np.array([uuid.UUID(int=i) for i in range(n)], object),
        "object-date": lambda: np.array([DAY] * n, object),
    }
    if name in plain:
        return plain[name]()
    values = (
        [str(value) for value in like] if "string" in name else [value % 2 for value in whole] if name in ("boolean", "UInt8") else whole
    )
    return pd.array(values, dtype=name)
