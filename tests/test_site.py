"""The documentation site: in the order of docs/README.md, whole without a network, readable at every width and in both schemes."""

from __future__ import annotations

import functools
import http.server
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser import Browser
from tests.page_checks import CONTRAST, TOO_WIDE, UNNAMED
from tests.test_house import ROOT

DOCS = ROOT / "docs"
ROOMS = (
    *("probrm.data", "probrm.encoders", "probrm.priors", "probrm.heads", "probrm.actions", "probrm.guides", "probrm.inference"),
    *("probrm.posterior", "probrm.diagnostics", "probrm.evaluation", "probrm.recipes", "probrm_models", "probrm_models.baselines"),
)
"""All public names of these are in the reference."""


def pages() -> set[str]:
    """Markdown files of docs/."""
    return {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}


def test_the_navigation_is_the_index() -> None:
    spec = importlib.util.spec_from_file_location("navigation", DOCS / "site" / "navigation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    index = (DOCS / "README.md").read_text()
    front, *sections, project = module.navigation(index)
    assert (front, list(project)) == ({"Overview": "index.md"}, ["Project"])
    shown = [page for section in sections for one in next(iter(section.values())) for page in one.values()]
    assert shown == re.findall(r"^\s*- \[[^\]]+\]\(([^)#]+)\)", index, re.MULTILINE)
    assert sorted(shown) == sorted(pages()), "docs/README.md names every page once"
    assert module.anchor("Pareto k̂: a `guide`, 2nd", "-") == "pareto-k-a-guide-2nd"


def test_the_colours_are_the_reports() -> None:
    site, report = ((ROOT / path).read_text() for path in ("docs/site/site.css", "probrm/report/page/style.css"))
    names = ("paper", "raised", "ink", "muted", "line", "blue")
    assert [re.findall(rf"--{name}: (#\w+)", site) for name in names] == [re.findall(rf"--{name}: (#\w+)", report)[:2] for name in names]


def test_the_reference_has_every_public_name() -> None:
    named = {name for path in (DOCS / "reference").glob("*.md") for name in re.findall(r"^::: (\S+)$", path.read_text(), re.MULTILINE)}
    for name in named:
        place, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(place), last), name
    for room in ROOMS:
        found = {name.rpartition(".")[2] for name in named if name.startswith(f"{room}.")}
        assert set(importlib.import_module(room).__all__) <= found, room


# ---- what is built


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(DOCS / "site" / "mkdocs.yml"), "-d", str(folder)]
    done = subprocess.run(command, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


class Links(HTMLParser):
    """What a page shows, links to, and can be linked to at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag == "a":
            self.links.append(found.get("href", ""))
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.resources.append(found.get("href", ""))
        self.resources += [value for name in ("src", "srcset", "data", "poster") if (value := found.get(name))]


@pytest.mark.long
def test_everything_shown_is_in_the_site(site: Path) -> None:
    assert {f"{page.removesuffix('.md')}.html" for page in pages()} <= {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert not [path for pattern in ("*.py", "*.pyc", "*.yml") for path in site.rglob(pattern)]
    for path in site.rglob("*.html"):
        for resource in Links(path).resources:
            assert not re.match(r"(?:https?:)?//", resource), (path, resource)
            if not resource.startswith("data:") and path.name != "404.html":  # that one's addresses begin at the server's root
                assert (path.parent / unquote(re.sub(r"[?#].*", "", resource))).is_file(), (path, resource)
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:@import\s+|url\()[\"']?(?:https?:)?//", path.read_text()), path


@pytest.mark.long
def test_links_lead_to_pages_and_anchors(site: Path) -> None:
    ids = {path: Links(path) for path in site.rglob("*.html")}
    broken = []
    for path, found in ids.items():
        for link in found.links:
            if path.name == "404.html" or re.match(r"[a-z]+:", link):
                continue
            to, _, anchor = unquote(link).partition("#")
            target = (path.parent / to.partition("?")[0]).resolve() if to else path
            known = target in ids or target.is_file()
            if not known or (anchor and target in ids and anchor not in ids[target].ids and anchor != "__top"):
                broken.append((path.relative_to(site).as_posix(), link))
    assert not broken


@pytest.mark.long
def test_the_search_index_has_the_pages_words(site: Path) -> None:
    found = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    texts = {doc["location"]: doc["text"] for doc in found}
    assert any("Pareto" in text for text in texts.values())
    assert any(place.startswith("reference/priors.html") for place in texts)
    assert not any(place.startswith("repository/probrm/") for place in texts)


# ---- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as found:
        found.look(width=1280)
        yield found


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_pages_are_readable_at_every_width_and_in_both_schemes(
    site: Path, browser: Browser, simulations: Callable[[int, int], int]
) -> None:
    """One page of six without ``--thorough``. Where ``PROBRM_SCREENSHOTS`` names a folder, what the window shows is kept there."""
    faults = []
    for page in (
        "index",
        *sorted(page.removesuffix(".md") for page in pages())[:: simulations(1, 6)],
        "repository/probrm/priors/weights.py",
    ):
        browser.open(site / f"{page}.html")
        for width, height, theme in ((1280, 800, "light"), (390, 844, "light"), (390, 844, "dark"), (1280, 800, "dark")):
            browser.look(width=width, height=height, theme=theme)
            browser.wait_for(f"getComputedStyle(document.body).backgroundColor === '{PAPER[theme]}' && !document.getAnimations().length")
            browser.keep(f"site-{page.replace('/', '-')}-{theme}-{width}.png", whole=False)
            checks = {"too wide": TOO_WIDE, "contrast": CONTRAST, "without a name": UNNAMED}
            faults += [(page, width, theme, name, found) for name, check in checks.items() if (found := browser.evaluate(check))]
    assert not faults
    said = [event["params"] for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert not said
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))]


PAPER = {"light": "rgb(253, 253, 252)", "dark": "rgb(22, 24, 27)"}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.mark.long
def test_the_search_finds_from_disk_and_over_http(site: Path, browser: Browser) -> None:
    browser.look(width=1280)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for url in ((site / "index.html").as_uri(), f"http://127.0.0.1:{server.server_port}/reference/data.html"):
            browser.visit(url)
            browser.evaluate("document.querySelector('.md-search__input').focus()")
            browser.type("Bradley")
            browser.wait_for("!!document.querySelector('.md-search-result__item a[href*=\"bradley_terry.html\"]')")
        server.shutdown()


@pytest.mark.long
def test_the_colours_can_be_chosen(site: Path, browser: Browser) -> None:
    browser.look(width=1280, theme="light")
    browser.open(site / "index.html")
    seen = []
    for _ in range(3):
        browser.evaluate("[...document.querySelectorAll('form[data-md-component=palette] label')].find((e) => !e.hidden).click()")
        seen.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert seen == [PAPER["light"], PAPER["dark"], PAPER["light"]]  # light, dark, the system's again
