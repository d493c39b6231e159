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
    if token is not None and len(token) < _SHORTEST:
        raise ConfigError(f"PROBRM_TOKEN: {len(token)} characters; allowed: {_SHORTEST} or more", fix="openssl rand -hex 16")
    find_recipe(run.kind).reward(run, [Conversation("What is 2 + 2?", "4.")])  # loads the encoder, and refuses what cannot be served
    listening = _listen(host, port)
    hosts = frozenset({"127.0.0.1", "localhost", "::1", host}) if local else None
    app = create_app(run, name=name, token=token, hosts=hosts, limits=limits)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_STOPPING, lifespan="on", ws="none"
    )
    logging.getLogger("probrm.serving").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has stopped, which is no failure
    shown = f"[{host}]" if ":" in host else host
    told(f"http://{shown}:{listening.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--host {host} --port {port}: cannot be listened at: {error}", fix="another --port; --port 0 takes a free one"
        ) from None
    return listening
