"""The report in a real browser: no complaint, nothing fetched, every figure there, readable in both themes and on a phone.

Where ``PROBRM_SCREENSHOTS`` names a folder, what the browser shows is kept there.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: the page cannot be looked at")

CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll("p, li, dt, dd, th, td, h1, h2, h3, h4, a, summary, figcaption, caption, pre, svg.plot text, svg.graph text")) {
    if (!e.textContent.trim() || !e.getClientRects().length) continue;
    let back = behind(e);
    if (e.closest("svg.graph g") && e.parentElement.querySelector(".observed")) back = rgb(getComputedStyle(e.parentElement.querySelector(".observed")).fill);
    const style = getComputedStyle(e), fore = rgb(e.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(fore.slice(0, 3)), light(back.slice(0, 3))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push([e.tagName, e.textContent.slice(0, 40), (a + .05) / (b + .05)]);
  }
  return low;
})()"""
"""Texts whose contrast is below WCAG's 4.5 to 1."""
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
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
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
    _keep(browser, f"{theme}-{width}.png")
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(paper.split("(")[1].split(",")[0]) < 80) == (theme == "dark"), paper
    figures = browser.evaluate(FIGURES)
    assert len(figures) >= 6
    assert all(w > 200 and h > 30 and drawn for w, h, drawn in figures), figures
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(CONTRAST) == []


def test_the_check_of_contrast_can_fail(browser: Browser) -> None:
    browser.look(width=1280)
    browser.evaluate("document.querySelector('h1').style.color = '#cccccc'")
    assert browser.evaluate(CONTRAST)[0][0] == "H1"
    browser.evaluate("document.querySelector('h1').style.color = ''")


def test_everything_can_be_reached_without_a_script(browser: Browser) -> None:
    missing = "[...document.querySelectorAll('nav a')].filter((a) => !document.querySelector(a.getAttribute('href'))).length"
    assert browser.evaluate(missing) == 0
    assert browser.evaluate("document.querySelectorAll('script').length") == 0
    unnamed = "[...document.querySelectorAll('figure svg')].filter((e) => e.getAttribute('role') !== 'img' || !e.getAttribute('aria-label')).length"
    assert browser.evaluate(unnamed) == 0
    doubled = "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.length - new Set(ids).size; })()"
    assert browser.evaluate(doubled) == 0


def _keep(browser: Browser, name: str) -> None:
    if folder := os.environ.get("PROBRM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shot = browser.send("Page.captureScreenshot", captureBeyondViewport=True)
        (Path(folder) / name).write_bytes(base64.b64decode(shot["data"]))
