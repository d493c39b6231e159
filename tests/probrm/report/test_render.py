from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from probrm.report.blocks import Block, Card, Code, Facts, Fold, Grid, Heading, Items, Paragraph, Picture, Section, Tiles
from probrm.report.render import render

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)"><a href="javascript:alert(3)">&amp;"\'</a></pre></details><style>*{display:none}'
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements that are open, all that was ever opened, and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


BLOCKS: list[Block] = [
    Paragraph(EVIL),
    Items([EVIL]),
    Facts([(EVIL, EVIL)]),
    Tiles([(EVIL, EVIL, EVIL, "good")]),
    Grid((EVIL, EVIL), [(EVIL, EVIL)], EVIL),
    Picture(Markup("<svg></svg>"), EVIL, EVIL),
    Code(EVIL),
    Card(EVIL, [(EVIL, EVIL)], [(EVIL, EVIL, ""), (EVIL, EVIL, EVIL)]),
    Heading(EVIL),
    Fold(EVIL, [Paragraph(EVIL)]),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.kind)
def test_no_text_becomes_markup(block: Block) -> None:
    page = Page(render("t", "s", [("a", "b")], [Section("one", "One", blocks=[block])]))
    assert page.open == []
    assert not {tag for tag, _ in page.seen} & {"script", "img", "iframe", "object", "form"}
    assert sum(tag == "style" for tag, _ in page.seen) == 1
    assert not any(name.startswith("on") for _, attributes in page.seen for name in attributes)
    assert EVIL in "".join(page.text) or EVIL in page.text  # told as it is


def test_nothing_is_fetched() -> None:
    html = render(EVIL, EVIL, [(EVIL, EVIL)], [Section("one", EVIL, EVIL, list(BLOCKS))])
    page = Page(html)
    links = [value for _, attributes in page.seen for name, value in attributes.items() if name in ("src", "href", "xlink:href", "action")]
    assert links
    assert all((value or "").startswith(("#", "data:")) for value in links)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "@import" not in style
    assert "url(" not in style
    policy = next(a["content"] for tag, a in page.seen if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_contents_lead_to_the_sections() -> None:
    page = Page(render("t", "s", [], [Section("one", "One"), Section("two", "Two")]))
    ids = [attributes["id"] for tag, attributes in page.seen if tag == "section"]
    assert [attributes["href"] for tag, attributes in page.seen if tag == "a"] == [f"#{name}" for name in ids]
