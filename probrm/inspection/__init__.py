"""What a model would be fitted to: a file read as a fit reads it, counted and measured, without loading a model.

Names are loaded on first use, so importing the room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.inspection.inspecting import inspect_file
    from probrm.inspection.kinds import likely_kinds
    from probrm.inspection.result import Inspection

__all__ = ["Inspection", "inspect_file", "likely_kinds"]

__getattr__ = lazy(__name__, inspecting="inspect_file", kinds="likely_kinds", result="Inspection")
