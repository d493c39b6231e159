"""The browser of the tests: skipped where it cannot be started, a failure where it breaks down."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browser


@pytest.mark.parametrize(
    ("program", "outcome", "says"),
    [
        ("raise ImportError('libnss3.so: cannot open shared object file')", pytest.skip.Exception, "libnss3.so"),
        ("raise ValueError('broken')", AssertionError, "ValueError: broken"),
    ],
)
def test_a_browser_that_does_not_start(
    program: str, outcome: type[BaseException], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "window.py").write_text(program)
    monkeypatch.setattr(browser, "_WINDOW", tmp_path / "window.py")
    with pytest.raises(outcome, match=says):
        browser.Browser()
