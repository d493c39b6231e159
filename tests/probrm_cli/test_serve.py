"""The command: what it answers at once, how it stops, and what it refuses before it listens."""

from __future__ import annotations

import itertools
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import probrm
from tests import support
from tests.browser import Browser
from tests.page_checks import CONTRAST, TOO_WIDE, UNNAMED
from tests.probrm_cli.serving_process import ITEM, Server, serving
from tests.small_runs import tiny_run
from tests.support import call, refused

BUTTON = "document.getElementById('ask').click()"
SHOWN = "[...document.querySelectorAll('#found tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_run("bert", pooling="cls").save(path)
    return str(path)


@pytest.fixture(scope="module")
def server(folder: str) -> Iterator[Server]:
    with serving(folder) as found:
        yield found


def test_it_answers_as_the_run_does(server: Server, folder: str) -> None:
    status, found = server.post("/score", {"items": [ITEM]})
    assert (status, found["model"]) == (200, "tiny")
    expected = probrm.load(folder).reward(ITEM["prompt"], ITEM["response"])
    assert found["scores"][0]["reward"] == pytest.approx(float(expected.reward[0]), abs=1e-5)
    with urllib.request.urlopen(server.address + "/readyz", timeout=30) as reply:
        assert reply.status == 200


def test_texts_are_tried_by_hand(server: Server) -> None:
    """Two answers are scored and ranked, HTML in them is text, nothing is fetched from elsewhere; then a mistake is told."""
    with Browser() as browser:
        browser.look(width=380)
        browser.visit(server.address)
        browser.evaluate("document.getElementById('prompt').value = '2 + 3?'")
        browser.evaluate("document.getElementById('answer-1').value = '<img src=x onerror=document.title=1>5'")
        browser.evaluate("document.getElementById('answer-2').value = 'Sorry, no idea. Maybe 7?'")
        browser.evaluate(BUTTON)
        browser.wait_for("!document.getElementById('found').hidden")
        rows = browser.evaluate(SHOWN)
        assert [row[0].removesuffix(", the choice") for row in rows] == ["Answer 1", "Answer 2"]
        assert sum(row[0].endswith(", the choice") for row in rows) == 1
        assert sum(float(row[4]) for row in rows) == pytest.approx(1, abs=0.011)
        assert float(rows[0][1].split()[0]) != float(rows[1][1].split()[0])
        assert browser.evaluate("document.title") == "probrm: try texts"
        for width, theme in itertools.product((1280, 380), ("light", "dark")):
            browser.look(width=width, theme=theme)
            browser.keep(f"serve-{theme}-{width}.png")
            assert browser.evaluate(TOO_WIDE) == browser.evaluate(CONTRAST) == browser.evaluate(UNNAMED) == []
        browser.evaluate("document.getElementById('answer-1').value = 'x'.repeat(500000)")
        browser.evaluate(BUTTON)
        browser.wait_for("document.getElementById('said').className === 'error'")
        assert "allowed: 400000" in browser.evaluate("document.getElementById('said').textContent")
        browser.keep("serve-error.png", whole=False)
        assert not browser.evaluate("document.getElementById('found').checkVisibility()")
        assert browser.evaluate(TOO_WIDE) == browser.evaluate(CONTRAST) == []
        asked = {event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"}
        assert all(url.startswith((server.address, "data:")) for url in asked)
        assert not [e for e in browser.events if e["method"] == "Runtime.exceptionThrown"]


def test_it_stops_when_it_is_told_and_answers_what_was_asked_before(folder: str) -> None:
    with serving(folder) as server:
        found: list[int] = []
        asked = {"items": [{**ITEM, "response": f"{'The answer is. ' * 20}{i}"} for i in range(500)]}
        thread = threading.Thread(target=lambda: found.append(server.post("/score", asked)[0]))
        thread.start()
        time.sleep(0.3)  # it has been read, and is being encoded
        assert not found
        server.process.send_signal(signal.SIGTERM)
        thread.join(60)
        assert server.process.wait(60) == 0
        assert found == [200]
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_it_is_told_right_after_it_said_its_address(folder: str, signal_: signal.Signals) -> None:
    with serving(folder) as server:
        server.process.send_signal(signal_)
        assert server.process.wait(20) == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


def test_an_address_that_is_taken_or_none(folder: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(call("serve", folder, "--port", port), f"--host 127.0.0.1 --port {port}: cannot be listened at", "--port 0")
    refused(call("serve", folder, "--host", "no such host"), "--host no such host")
    refused(call("serve", folder, "--port", "70000"), "--port", "70000")


def test_others_are_let_in_with_a_token_alone(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        refused(call("serve", folder, "--host", host), f"--host {host}: others can reach it, and there is no token", "PROBRM_TOKEN")
    monkeypatch.setenv("PROBRM_TOKEN", "short")
    refused(call("serve", folder, "--host", "0.0.0.0"), "PROBRM_TOKEN: 5 characters")


def test_what_cannot_be_served(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(call("serve", "nothing"), "nothing")
    covariates = str(Path("with-covariates").resolve())
    done = call(*support.quick_fit(Path(covariates), "--reward-features", "hour"))
    assert done.code == 0, done.err
    refused(call("serve", covariates), "covariates")
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    refused(call("serve", folder), "probrm serve needs uvicorn", "pip install 'probrm[serve]'")
