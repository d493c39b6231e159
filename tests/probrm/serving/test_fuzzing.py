"""Requests that nobody thought of, drawn from the server's own schema and beyond: an answer that the schema has, and never a 500."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from probrm.serving.app import create_app
from probrm.serving.limits import Limits
from tests.small_runs import tiny_run

app = create_app(tiny_run("bert", pooling="cls"), limits=Limits(body=100_000, texts=16, characters=10_000, seconds=20))
"""Small limits, so that they are met."""
schema = schemathesis.openapi.from_asgi("/openapi.json", app)
PIECES = [b"{", b"}", b"[", b"]", b'"items"', b'"prompt"', b'"response"', b'"query"', b'"input"', b":", b",", b"null", b"1e999", b"NaN"]
PIECES += [b"-0", b'"\\ud800"', b"\xff", b'"', b"\x00", b'"role"', b'"content"', b"true", b"[" * 2000, b"9" * 5000, b"\\u0000", b" "]
PATHS = [
    "/score",
    "/rank",
    "/get_reward",
    "/classify",
    "/v1/classify",
    "/healthz",
    "/metrics",
    "/",
    "/%00",
    "/" + "x" * 3000,
    "/score/../score",
]
TYPES = ["application/json", "text/plain", "application/json; charset=utf-16", "", "APPLICATION/JSON", "application/x-www-form-urlencoded"]


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_the_schema_is_kept(case: schemathesis.Case) -> None:
    """Status, type and form of every answer are those of the schema; some of what it allows is refused for what it says (a query without its prompt)."""
    case.call_and_validate(
        headers={"Content-Type": "application/json"} if case.method == "POST" else None, excluded_checks=[positive_data_acceptance]
    )


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("seed", range(4))
def test_malformed_requests_are_refused(client: TestClient, seed: int, simulations: Callable[[int, int], int]) -> None:
    """10,000 with --thorough: no 500, and the server answers as before after them."""
    draw = random.Random(seed)
    item = {"items": [{"prompt": "a", "response": "b"}]}
    before = client.post("/score", json=item).json()
    seen: dict[int, int] = {}
    for _ in range(simulations(2500, 100)):
        content = b"".join(draw.choice(PIECES) for _ in range(draw.randrange(12)))
        method = draw.choice(["POST"] * 8 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
        headers = {"Content-Type": draw.choice(TYPES[:1] * 8 + TYPES)}
        found = client.request(method, draw.choice(PATHS), content=content, headers=headers)
        seen[found.status_code] = seen.get(found.status_code, 0) + 1
        assert found.status_code < 500, (method, content, found.text)
        assert found.status_code == 200 or method == "HEAD" or set(found.json()["error"]) == {"code", "message", "fix"}
    assert len(seen) > 4
    after = client.post("/score", json=item).json()
    assert after["scores"][0]["reward"] == pytest.approx(before["scores"][0]["reward"], abs=1e-6)
