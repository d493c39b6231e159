"""``probrm serve`` as a process of its own, and a client that needs nothing."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests import support

ITEM = {"prompt": "What is 2 + 3?", "response": "The answer is 5."}


@dataclass(frozen=True)
class Server:
    """Where it listens, and its process."""

    process: subprocess.Popen[str]
    address: str

    def post(self, path: str, body: Any, *, timeout: float = 60) -> tuple[int, Any]:
        """Status and JSON."""
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextmanager
def serving(run: str, *flags: str) -> Iterator[Server]:
    """Until the block ends; it is then killed if it is still there."""
    command = [str(support.script()), "serve", run, "--port", "0", "--quiet", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), (address, process.communicate(timeout=30))
        yield Server(process, address)
    finally:
        process.kill()
        process.communicate()
