"""A run as one HTML file that a colleague can read: what data, what model, what was learned, what to doubt.

The room above all others of ``probrm``. Names are loaded on first use, so importing it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.report.build import Report, make_report

__all__ = ["Report", "make_report"]

__getattr__ = lazy(__name__, build="Report make_report")
