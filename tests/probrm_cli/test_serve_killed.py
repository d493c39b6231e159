"""A server that is killed in the middle of requests gives an error or the right answer, never a wrong one; so does the next server."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
from pathlib import Path

import pytest

import probrm
from tests.probrm_cli.serving_process import ITEM, Server, serving
from tests.small_runs import tiny_run

CLIENTS = 6
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def _texts(client: int) -> list[str]:
    return [f"{client} {i}: {'The answer is. ' * (1 + (client + i) % 7)}" for i in range(20)]


def _ask(server: Server, client: int, right: list[float], found: list[str]) -> None:
    """Until the server is gone: what came of each request."""
    asked = {"items": [{**ITEM, "response": text} for text in _texts(client)]}
    while True:
        try:
            status, answer = server.post("/score", asked, timeout=30)
        except BROKEN:
            found.append("broken")
            return
        rewards = [one["reward"] for one in answer.get("scores", [])] if status == 200 else []
        found.append("right" if rewards == pytest.approx(right, abs=1e-5) else f"wrong: {status} {answer}")


def test_a_kill_in_the_middle_of_requests_gives_no_wrong_answer(tmp_path: Path) -> None:
    run = str(tmp_path / "tiny")
    tiny_run("bert", pooling="cls").save(run)
    loaded = probrm.load(run)
    right = {client: loaded.reward([ITEM["prompt"]] * 20, _texts(client)).reward.tolist() for client in range(CLIENTS)}
    assert len({rewards[0] for rewards in right.values()}) == CLIENTS  # answers that were mixed up would show
    found: list[str] = []
    with serving(run) as server:
        threads = [threading.Thread(target=_ask, args=(server, client, right[client], found)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(0.6)
        server.process.kill()
        for thread in threads:
            thread.join(60)
    assert found.count("broken") == CLIENTS
    assert {one for one in found if one != "broken"} <= {"right"}
    with serving(run) as server:
        status, answer = server.post("/score", {"items": [{**ITEM, "response": text} for text in _texts(0)]})
        assert status == 200
        assert [one["reward"] for one in answer["scores"]] == pytest.approx(right[0], abs=1e-5)
