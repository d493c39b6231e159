"""A run as one HTML file that a colleague can read: what data, what model, what was learned, caveats.

The room above all others of ``probrm``. Names are loaded on first use, so importing it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.report.blocks import Facts, Grid, Heading, Items, Paragraph, Section
    from probrm.report.build import Report, make_report

__all__ = ["Facts", "Grid", "Heading", "Items", "Paragraph", "Report", "Section", "make_report"]

__getattr__ = lazy(__name__, blocks="Facts Grid Heading Items Paragraph Section", build="Report make_report")
