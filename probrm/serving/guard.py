"""What stands before every request: who may ask, how long a body may be, and what browsers are told."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probrm.serving.faults import Refused, answer
from probrm.serving.limits import Limits
from probrm.serving.meters import Meters

OPEN = ("/healthz", "/readyz", "/", "/page.js", "/page.css")
"""What needs no token: probes of a cluster, and the page, which asks for one."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        limits: on a body.
        meters: where requests are counted.
        token: that clients have to send (``Authorization: Bearer …``, or ``?token=…`` where they cannot); none: anybody.
        hosts: names by which the server may be called; a page of another site that has its name point here is none of them.
    """

    def __init__(self, app: ASGIApp, limits: Limits, meters: Meters, token: str | None, hosts: frozenset[str] | None) -> None:
        self._app, self._limits, self._meters, self._token, self._hosts = app, limits, meters, token, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in _HEADERS.items())]
            await send(message)

        try:
            refused = self._refusal(scope)
            if refused is not None:
                await answer(refused.status_code, refused.detail, refused.fix, refused.headers)(scope, receive, sending)
            else:
                await self._app(scope, self._bounded(receive), sending)
        finally:
            self._meters.request(scope["path"], status, time.perf_counter() - begun)

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        called = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self._hosts is not None and called not in self._hosts:
            return Refused(
                403, "this server goes by another name", "call it by the address that it printed, or start it with --host and a token"
            )
        if self._token is not None and scope["path"] not in OPEN and not self._known(headers, scope["query_string"]):
            return Refused(
                401, "no token, or another one", "send Authorization: Bearer TOKEN, or ?token=TOKEN", {"WWW-Authenticate": "Bearer"}
            )
        if scope["method"] == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return Refused(415, "the body is not said to be JSON", "send Content-Type: application/json")
            length = headers.get("content-length", "0")
            if length.isdigit() and int(length[:20]) > self._limits.body:
                return self._large()
        return None

    def _known(self, headers: dict[str, str], query: bytes) -> bool:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            sent = (parse_qs(query.decode("latin-1")).get("token") or [""])[0]
        return hmac.compare_digest(sent.strip().encode("utf-8", "replace"), (self._token or "").encode())

    def _large(self) -> Refused:
        return Refused(413, f"the body has more than {self._limits.body} bytes", "send fewer texts at a time")

    def _bounded(self, receive: Receive) -> Receive:
        """A body that is too long, or does not come, ends the request."""
        taken, ends = 0, False

        async def bounded() -> Message:
            nonlocal taken, ends
            if ends:  # what is waited for now is that the client goes away
                return await receive()
            try:
                message: Any = await asyncio.wait_for(receive(), self._limits.seconds)
            except TimeoutError:
                raise Refused(408, "the body did not come", "send it at once") from None
            taken += len(message.get("body", b""))
            ends = not message.get("more_body", False)
            if taken > self._limits.body:
                raise self._large()
            return message

        return bounded
