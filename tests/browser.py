"""A real browser without a window, spoken to in the DevTools protocol: QtWebEngine, which is Chromium, in a process of its own."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

_WINDOW = Path(__file__).with_name("browser_window.py")
_ENVIRONMENT = {
    "QT_QPA_PLATFORM": "offscreen",
    "QT_QUICK_BACKEND": "software",
    "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking",
}
_MISSING = ("ImportError", "ModuleNotFoundError", "This application failed to start because no Qt platform plugin")


class Browser:
    """One page. A context manager; everything that it says is kept in ``events``.

    The test is skipped where PyQt6-WebEngine, or a library of the system that it needs, is not installed.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the browser)
        self._process = subprocess.Popen(
            [sys.executable, str(_WINDOW)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=os.environ | _ENVIRONMENT,
        )
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's answer."""
        number = next(self._numbers)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"id": number, "method": method, "params": params}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._gone()
        while True:
            found = self._next()
            if found.get("id") == number:
                assert "error" not in found, (method, found["error"])
                return found["result"]

    def _next(self, seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + seconds
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            chunk = os.read(self._process.stdout.fileno(), 1 << 20)
            if not chunk:
                self._gone()
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\n")
        found = json.loads(raw)
        if "method" in found:
            self.events.append(found)
        return found

    def _gone(self) -> None:
        """Skips the test where something is not installed; else the browser has broken down."""
        self._process.wait(10)
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip().splitlines()
        lacking = [line for line in said if line.startswith(_MISSING)]
        if lacking:
            pytest.skip(f"the page cannot be looked at, PyQt6-WebEngine does not start: {lacking[-1]}")
        raise AssertionError(f"the browser has gone: {said[-5:]}")

    def open(self, path: Path) -> None:
        """Loads a file and waits until all of it is there."""
        self.visit(path.resolve().as_uri())

    def visit(self, url: str) -> None:
        """The same of an address."""
        before = len(self.events)
        self.send("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[before:]):
            self._next()

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> None:
        """Until an expression is true in the page."""
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Keys, into what has the focus."""
        for key in text:
            self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def look(self, *, width: int, height: int = 900, theme: str = "light") -> None:
        """Size of the window, and which theme its user prefers; nothing moves."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        preferred = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in preferred.items()])

    def keep(self, name: str, *, whole: bool = True) -> None:
        """A picture, where ``PROBRM_SCREENSHOTS`` names a folder: of the whole page, or of what the window shows."""
        if folder := os.environ.get("PROBRM_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
            (Path(folder) / name).write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
