"""The site's navigation is docs/README.md: its sections, its pages, in its order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

INDEX = Path(__file__).resolve().parents[1] / "README.md"
_SECTION = re.compile(r"(?:\*\*(?P<bold>.+)\*\*|#{2,} (?P<title>.+))$")
_PAGE = re.compile(r"\s*[-*] \[(?P<title>[^\]]+)\]\((?P<page>[^)#]+\.md)\)")


def navigation(index: str) -> list[dict[str, Any]]:
    """Sections in MkDocs' form, ``[{title: page} | {section: [{title: page}, …]}, …]``, from the index's Markdown."""
    found: list[dict[str, Any]] = [{"Overview": "index.md"}]
    for line in index.splitlines():
        if section := _SECTION.match(line):
            found.append({section["bold"] or section["title"]: []})
        elif page := _PAGE.match(line):
            pages = next(iter(found[-1].values()))
            entry = {page["title"].replace("`", ""): page["page"]}
            (pages if isinstance(pages, list) else found).append(entry)
    return [*(one for one in found if [*one.values()] != [[]]), {"Project": _PROJECT}]


_PROJECT = [{"Changes": "repository/CHANGELOG.md"}, {"Taking part": "repository/CONTRIBUTING.md"}]


def anchor(title: str, separator: str) -> str:
    """A heading's anchor as Git hosts make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", separator)


def on_config(config: Any) -> Any:
    """Called by MkDocs once the settings are read."""
    config.nav = navigation(INDEX.read_text())
    config.mdx_configs["toc"]["slugify"] = anchor
    return config
