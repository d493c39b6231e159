"""Requests that come together are encoded together, and get what each would have got alone."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from probrm.data import Batch, Conversation
from probrm.errors import DataError
from probrm.runs import Run, find_recipe
from probrm.serving.app import create_app
from probrm.serving.batches import Batches
from probrm.serving.faults import Refused
from probrm.serving.limits import Limits
from tests import pair_support, support
from tests.small_runs import tiny_run


def texts(n: int, of: int = 0) -> list[Conversation]:
    return [Conversation(f"What is {of} + {i}?", f"The answer is {i}.") for i in range(n)]


async def together(run: Run, asked: Sequence[Sequence[Conversation]], limits: Limits | None = None) -> tuple[list[Any], list[int]]:
    """Answers or errors, and the sizes of the batches, where all was asked before the first was encoded."""
    sizes: list[int] = []
    batches = Batches(run, limits or Limits(), sizes.append)
    tasks = [asyncio.ensure_future(batches.rewards(one)) for one in asked]
    await asyncio.sleep(0)
    batches.start()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    await batches.stop()
    assert batches.waiting == 0
    return found, sizes


def before_encoding(monkeypatch: pytest.MonkeyPatch, run: Run, done: Callable[[Sequence[Conversation]], object]) -> None:
    """Something happens before texts are encoded, or instead."""
    recipe = type(find_recipe(run.kind))
    original = recipe.text_batch

    def text_batch(self: Any, run: Run, conversations: Sequence[Conversation], **options: Any) -> Batch:
        done(conversations)
        return original(self, run, conversations, **options)

    monkeypatch.setattr(recipe, "text_batch", text_batch)


@pytest.mark.parametrize("model", ["naive", "vrm"])
def test_answers_are_those_of_each_alone(model: str) -> None:
    """Of VRM, too, whose rewards are drawn: not from one stream for all requests."""
    run = tiny_run("bert", pooling="cls") if model == "naive" else vrm()
    asked = [texts(1 + i % 3, i) for i in range(8)]
    found, sizes = asyncio.run(together(run, asked))
    assert sizes == [sum(map(len, asked))]
    for one, got in zip(asked, found, strict=True):
        alone = find_recipe(run.kind).reward(run, one)
        np.testing.assert_allclose(got.reward, alone.reward, atol=1e-5)
        np.testing.assert_allclose(got.reward_low, alone.reward_low, atol=1e-5)


def vrm() -> Run:
    import probrm
    from tests.small_runs import EXPORTABLE, model_folder

    with support.environment():
        settings = {
            "inference": {"max_steps": 5, "eval_every": 5, "draws": 50, "refit": False},
            "model": {"objectives": 2, "selection": "objectives"},
        }
        encoder = probrm.encoders.EncoderConfig(name=model_folder("bert"), **EXPORTABLE)  # type: ignore[attr-defined]
        return probrm.fit(pair_support.pair_frame(60), model="vrm", encoder=encoder, settings={**settings, "device": "cpu"})


def test_a_batch_is_no_larger_than_said_but_for_a_single_request() -> None:
    run = tiny_run("bert", pooling="cls")
    _, sizes = asyncio.run(together(run, [texts(2), texts(2), texts(3), texts(9)], Limits(together=4)))
    assert sizes == [4, 3, 9]


def test_one_that_fails_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run("bert", pooling="cls")

    def picky(conversations: Sequence[Conversation]) -> None:
        if any(one.response == "bad" for one in conversations):
            raise DataError("a text that cannot be used", fix="none")

    before_encoding(monkeypatch, run, picky)
    found, _ = asyncio.run(together(run, [texts(1), [Conversation("p", "bad")], texts(2)]))
    assert isinstance(found[1], DataError)
    assert [len(one.reward) for one in (found[0], found[2])] == [1, 2]


def test_a_full_queue_and_a_slow_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is held back: two texts wait, a third is sent away, and none is waited for for ever."""
    run = tiny_run("bert", pooling="cls")
    held = threading.Event()

    def slow(conversations: Sequence[Conversation]) -> None:
        held.wait(20)

    before_encoding(monkeypatch, run, slow)

    async def main() -> list[Any]:
        batches = Batches(run, Limits(waiting=2, seconds=0.5, together=1))
        batches.start()
        first = asyncio.ensure_future(batches.rewards(texts(1)))
        await asyncio.sleep(0.2)  # it is being answered
        others = [asyncio.ensure_future(batches.rewards(texts(1))) for _ in range(3)]
        found = await asyncio.gather(first, *others, return_exceptions=True)
        held.set()
        late = await batches.rewards(texts(1))  # what was given up does not come first
        await batches.stop()
        return [*found, late]

    first, second, third, fourth, late = asyncio.run(main())
    assert [one.status_code for one in (first, second, third)] == [504, 504, 504]
    assert isinstance(fourth, Refused)
    assert (fourth.status_code, dict(fourth.headers or {})) == (503, {"Retry-After": "1"})
    assert len(late.reward) == 1


async def _asgi(app: Any, parts: Sequence[dict[str, Any]], *, slow: float = 0.0) -> list[dict[str, Any]]:
    """What is sent to a client whose request comes in these parts, with so many seconds between them; the last may say that it has gone."""
    sent: list[dict[str, Any]] = []
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        await asyncio.sleep(slow)
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"host", b"testserver")]
    scope = {"type": "http", "method": "POST", "path": "/score", "raw_path": b"/score", "query_string": b"", "headers": headers}
    await app({**scope, "http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0"}, "client": None, "server": None}, receive, send)
    return sent


BODY = json.dumps({"items": [{"prompt": "a", "response": "b"}]}).encode()


def whole(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": False}


@pytest.mark.parametrize(
    ("parts", "limits", "status"),
    [
        ([whole(BODY)], Limits(), 200),
        ([{"type": "http.request", "body": b" ", "more_body": True}] * 20, Limits(seconds=0.3), 408),  # a byte now and then
        ([whole(BODY)], Limits(held=10), 503),
    ],
)
def test_bodies_that_come_slowly_and_too_many_at_once(parts: Any, limits: Limits, status: int) -> None:
    async def main() -> list[dict[str, Any]]:
        app = create_app(tiny_run("bert", pooling="cls"), limits=limits)
        async with app.router.lifespan_context(app):
            found = await _asgi(app, parts, slow=0.05)
            assert app.state.meters.held == 0
            return found

    assert asyncio.run(main())[0]["status"] == status


def test_a_client_that_has_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are being answered or wait when they go: the second is never encoded, and the third is answered."""
    run, encoded, held = tiny_run("bert", pooling="cls"), [], threading.Event()

    def slow(conversations: Sequence[Conversation]) -> None:
        encoded.append(conversations[0].response)
        held.wait(20)

    before_encoding(monkeypatch, run, slow)

    async def main() -> list[dict[str, Any]]:
        app = create_app(run, limits=Limits(together=1))
        async with app.router.lifespan_context(app):
            for name in (b"first", b"second"):
                sent = await asyncio.wait_for(
                    _asgi(app, [whole(BODY.replace(b'"b"', b'"' + name + b'"')), {"type": "http.disconnect"}], slow=0.1), 10
                )
                assert sent == []
            last = asyncio.ensure_future(_asgi(app, [whole(BODY)]))
            await asyncio.sleep(0.2)
            held.set()
            return await last

    assert asyncio.run(main())[0]["status"] == 200
    assert encoded == ["first", "b"]


def test_what_takes_long_is_refused_once_the_server_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run("bert", pooling="cls")

    def slow(conversations: Sequence[Conversation]) -> None:
        time.sleep(0.2)

    before_encoding(monkeypatch, run, slow)

    async def main() -> list[Any]:
        batches = Batches(run, Limits(together=2, stopping=0.5))
        batches.start()
        tasks = [asyncio.ensure_future(batches.rewards(texts(n))) for n in (2, 20, 2)]
        await asyncio.sleep(0.1)
        batches.finish()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await batches.stop()
        return found

    first, long, last = asyncio.run(main())
    assert len(first.reward) == 2
    assert [one.status_code for one in (long, last)] == [503, 503]
