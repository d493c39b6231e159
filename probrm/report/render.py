"""Sections → one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup

from probrm.report.blocks import Section


def render(title: str, subtitle: str, made_by: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    """The page: no script, nothing from outside; whatever is not markup of this room is escaped.

    Args:
        title: of the report.
        subtitle: below it.
        made_by: names and values of the fine print.
        sections: in their order.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("probrm.report", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = Markup(files("probrm.report").joinpath("page", "style.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html").render(title=title, subtitle=subtitle, made_by=made_by, sections=sections, style=style)
