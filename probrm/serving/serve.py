"""A server that runs until it is told to stop."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from collections.abc import Callable

import uvicorn

from probrm.data import Conversation
from probrm.errors import ConfigError
from probrm.runs import Run, find_recipe
from probrm.serving.app import create_app
from probrm.serving.limits import Limits

_SHORTEST = 16
_CONNECTIONS = 4096
_STOPPING = 30
"""Seconds that requests have to end in once the server is told to stop."""


def serve(
    run: Run, *, name: str, host: str, port: int, token: str | None, told: Callable[[str], object], limits: Limits | None = None
) -> None:
    """Answer requests until SIGINT or SIGTERM; those in work are finished.

    Args:
        run: fitted.
        name: by which answers call it.
        host: address to listen at; one that others can reach wants a token.
        port: 0 takes a free one.
        token: that clients have to send.
        told: of the address, once requests are taken.
        limits: on requests.

    Raises:
        ConfigError: the address cannot be had, a token is missing or short, or the run's reward needs more than texts.
    """
    local = host == "localhost" or _is_loopback(host)
    if token is None and not local:
        raise ConfigError(
            f"--host {host}: others can reach it, and there is no token; allowed without: 127.0.0.1, ::1, localhost",
            fix='export PROBRM_TOKEN="$(openssl rand -hex 16)", which clients send as Authorization: Bearer TOKEN',
        )
    token = token and token.strip()
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ConfigError("PROBRM_TOKEN: it has characters that no header carries", fix="openssl rand -hex 16")
    if token is not None and len(token) < _SHORTEST:
        raise ConfigError(f"PROBRM_TOKEN: {len(token)} characters; allowed: {_SHORTEST} or more", fix="openssl rand -hex 16")
    find_recipe(run.kind).reward(run, [Conversation("What is 2 + 2?", "4.")])  # loads the encoder, and refuses what cannot be served
    listening = _listen(host, port)
    hosts = frozenset({"127.0.0.1", "localhost", "::1", host.lower()}) if local and token is None else None
    app = create_app(run, name=name, token=token, hosts=hosts, limits=limits)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOPPING,
        limit_concurrency=_CONNECTIONS,
        lifespan="on",
        ws="none",
    )
    logging.getLogger("probrm.serving").setLevel(logging.ERROR)
    shown = f"[{host}]" if ":" in host else host
    server = _Server(config, app.state.finish, lambda: told(f"http://{shown}:{listening.getsockname()[1]}"))

    def end(*_: object) -> None:
        """SIGTERM before uvicorn takes signals ends the process; uvicorn raises it again when it has stopped, which is no failure."""
        if not server.started:
            raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        if not server.started:  # Ctrl-C is how a server is stopped, and nothing is lost by it
            raise


class _Server(uvicorn.Server):
    """Says that it is there once signals reach it, and refuses what takes long once it is told to stop."""

    def __init__(self, config: uvicorn.Config, finish: Callable[[], object], told: Callable[[], object]) -> None:
        super().__init__(config)
        self._finish, self._told = finish, told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Then the address is told."""
        await super().startup(sockets)
        if self.started:
            self._told()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """First nothing new is begun."""
        self._finish()
        await super().shutdown(sockets)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # asyncio sends small parts at once on sockets of this protocol alone; otherwise each answer waits 40 ms for its last part.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--host {host} --port {port}: cannot be listened at: {error}", fix="another --port; --port 0 takes a free one"
        ) from None
    return listening
