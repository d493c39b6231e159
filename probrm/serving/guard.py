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
            elif scope["method"] == "POST":
                status = await self._while_there(_Body(receive, self._limits, self._meters), scope, sending) or status
            else:
                await self._app(scope, receive, sending)
        finally:
            self._meters.request(scope["path"], status, time.perf_counter() - begun)

    async def _while_there(self, body: _Body, scope: Scope, send: Send) -> int | None:
        """The answer to a request, or nothing once its client has gone: 499."""
        asked = asyncio.ensure_future(self._app(scope, body, send))
        gone = asyncio.ensure_future(body.gone())
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                await asked
                return None
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            return 499
        finally:
            gone.cancel()
            asked.cancel()  # where the server itself gives up
            self._meters.held -= body.taken

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        called = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self._hosts is not None and called.lower() not in self._hosts:
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
                return _large(self._limits)
        return None

    def _known(self, headers: dict[str, str], query: bytes) -> bool:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            sent = (parse_qs(query.decode("latin-1")).get("token") or [""])[0]
        return hmac.compare_digest(sent.strip().encode("utf-8", "replace"), (self._token or "").encode())


class _Body:
    """``receive`` of a request, which ends it where its body is too long, or does not come."""

    def __init__(self, receive: Receive, limits: Limits, meters: Meters) -> None:
        self._receive, self._limits, self._meters = receive, limits, meters
        self._until = time.monotonic() + limits.seconds
        self._ended = asyncio.Event()
        self.taken = 0

    async def __call__(self) -> Message:
        """The next part."""
        if self._ended.is_set():  # nothing comes any more but that the client goes away, which ``gone`` waits for
            await asyncio.Event().wait()
        try:
            message: Any = await asyncio.wait_for(self._receive(), self._until - time.monotonic())
        except TimeoutError:
            raise Refused(408, "the body did not come in time", "send it at once") from None
        size = len(message.get("body", b""))
        self.taken += size
        self._meters.held += size
        if self.taken > self._limits.body:
            raise _large(self._limits)
        if self._meters.held > self._limits.held:
            raise Refused(503, "too many requests are being answered", "send again in a second", {"Retry-After": "1"})
        if not message.get("more_body", False):
            self._ended.set()
        return message

    async def gone(self) -> None:
        """Returns when the client has gone, after its whole body came."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _large(limits: Limits) -> Refused:
    return Refused(413, f"the body has more than {limits.body} bytes", "send fewer texts at a time")
