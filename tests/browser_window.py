"""The browser of ``tests.browser``, a process of its own: one page of QtWebEngine, its DevTools protocol on standard input and output.

Messages are JSON, a line each. The process ends when its input does.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from PyQt6.QtCore import QSocketNotifier, QTimer, QUrl
from PyQt6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWebSockets import QWebSocket
from PyQt6.QtWidgets import QApplication


def main() -> int:
    """Shows an empty page and passes messages on until there are no more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    os.environ["QTWEBENGINE_REMOTE_DEBUGGING"] = address
    application = QApplication(sys.argv[:1])
    profile = QWebEngineProfile()  # nothing is kept on disk
    page = QWebEnginePage(profile)
    view = QWebEngineView()
    view.setPage(page)
    view.resize(1280, 900)
    wire = QWebSocket()
    pending = bytearray()

    def connect() -> None:
        page.loadFinished.disconnect()
        wire.open(QUrl(f"ws://{address}/devtools/page/{page.devToolsId()}"))

    def forward() -> None:
        chunk = os.read(0, 1 << 16)
        if not chunk:
            application.quit()
        pending.extend(chunk)
        *lines, rest = pending.split(b"\n")
        pending[:] = rest
        for line in lines:
            wire.sendTextMessage(line.decode())

    def answer(message: str) -> None:
        sys.stdout.write(message.replace("\n", " ") + "\n")
        sys.stdout.flush()

    wire.textMessageReceived.connect(answer)
    wire.disconnected.connect(application.quit)
    descriptor: Any = 0
    commands = QSocketNotifier(descriptor, QSocketNotifier.Type.Read)
    commands.setEnabled(False)
    commands.activated.connect(forward)
    wire.connected.connect(lambda: commands.setEnabled(True))
    page.loadFinished.connect(lambda: QTimer.singleShot(0, connect))
    page.setHtml("")
    view.show()
    return application.exec()


if __name__ == "__main__":
    raise SystemExit(main())
