"""The report in a real browser: no complaint, nothing fetched, every figure there, readable in both themes and on a phone.

Where ``PROBRM_SCREENSHOTS`` names a folder, what the browser shows is kept there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.browser import Browser
from tests.page_checks import CONTRAST, TOO_WIDE

FIGURES = """[...document.querySelectorAll("figure svg, figure img")].map((e) => {
  const r = e.getBoundingClientRect();
  return [r.width, r.height, e.tagName === "IMG" ? e.complete && e.naturalWidth > 0 : e.getBBox().width > 0];
})"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    with support.environment():
        done = support.call(
            "report", support.short_run_path(), "--out", str(path), "--data", support.truth_path(), "--embeddings", support.store_path()
        )
    assert done.code == 0, done.err
    return path


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Browser]:
    with Browser() as found:
        found.look(width=1280)
        found.open(page)
        yield found


def said(browser: Browser, *methods: str) -> list[dict[str, Any]]:
    return [event["params"] for event in browser.events if event["method"] in methods]


def test_no_complaint_and_nothing_fetched(browser: Browser, page: Path) -> None:
    assert browser.evaluate("document.title").startswith("implicit: ")
    assert said(browser, "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == []
    urls = [request["request"]["url"] for request in said(browser, "Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith(("data:", "about:"))] == [page.resolve().as_uri()]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_figures_texts_and_width(browser: Browser, theme: str, width: int) -> None:
    browser.look(width=width, theme=theme)
    browser.keep(f"report-{theme}-{width}.png")
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(paper.split("(")[1].split(",")[0]) < 80) == (theme == "dark"), paper
    figures = browser.evaluate(FIGURES)
    assert len(figures) >= 6
    assert all(w > 200 and h > 30 and drawn for w, h, drawn in figures), figures
    assert browser.evaluate(TOO_WIDE) == []
    assert browser.evaluate(CONTRAST) == []


def test_the_check_of_contrast_can_fail(browser: Browser) -> None:
    browser.look(width=1280)
    browser.evaluate("document.querySelector('h1').style.color = '#cccccc'")
    assert browser.evaluate(CONTRAST)[0][0] == "H1."
    browser.evaluate("document.querySelector('h1').style.color = ''")


def test_everything_can_be_reached_without_a_script(browser: Browser) -> None:
    missing = "[...document.querySelectorAll('nav a')].filter((a) => !document.querySelector(a.getAttribute('href'))).length"
    assert browser.evaluate(missing) == 0
    assert browser.evaluate("document.querySelectorAll('script').length") == 0
    unnamed = "[...document.querySelectorAll('figure svg')].filter((e) => e.getAttribute('role') !== 'img' || !e.getAttribute('aria-label')).length"
    assert browser.evaluate(unnamed) == 0
    doubled = "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.length - new Set(ids).size; })()"
    assert browser.evaluate(doubled) == 0
