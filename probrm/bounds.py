"""Numbers in settings: finite in float32, of a size that a machine can work with, and no truth values. Types for fields of pydantic's dataclasses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

SMALLEST, LARGEST = 1e-30, 1e30
"""Of positive numbers: well inside float32, so that a square is finite and no zero."""


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"found {str(value).lower()}; it is a number")
    return value


def _in_range(value: float) -> float:
    """Told in powers of ten, where pydantic counts out the zeros."""
    if abs(value) > LARGEST:
        raise ValueError(f"found {value:g}; allowed: up to {LARGEST:g}")
    return value


def _not_nothing(value: float) -> float:
    if value < SMALLEST:
        raise ValueError(f"found {value:g}; allowed: from {SMALLEST:g}")
    return value


_Number, _Range = BeforeValidator(_no_truth), AfterValidator(_in_range)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number, _Range, AfterValidator(_not_nothing)]
"""A positive number."""
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _Number, _Range]
"""A number of 0 or more."""
Finite = Annotated[float, Field(allow_inf_nan=False), _Number, _Range]
"""Any number."""
Count = Annotated[int, Field(ge=1, le=10**9), _Number]
"""How often something is done, or of how many rows: it costs time, which progress shows and Ctrl-C ends."""
Size = Annotated[int, Field(ge=1, le=65_536), _Number]
"""Of something that memory is taken for: a layer, a rank, a dimension."""
Sizes = Annotated[tuple[Size, ...], Field(max_length=64)]
"""Of layers, one after the other."""
Few = Annotated[int, Field(ge=1, le=256), _Number]
"""Of chains, of objectives."""
Draws = Annotated[int, Field(ge=4, le=100_000), _Number]
"""How many draws of a posterior: enough for a deviation and ends of an interval, few enough for memory."""
