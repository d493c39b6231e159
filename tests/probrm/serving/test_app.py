"""What is answered is what the run says in code; what cannot be answered is refused in one form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

import probrm
from probrm.data import Conversation
from probrm.posterior import Rewards
from probrm.runs import find_recipe
from probrm.serving.app import create_app
from probrm.serving.forms import ClassifyAsked, EmbedAsked, RankAsked, RewardAsked, ScoreAsked
from probrm.serving.limits import Limits
from tests.small_runs import tiny_run

PROMPT = "What is 2 + 3?"
ANSWERS = ["The answer is 5.", "Sorry, no idea. Maybe 7?", "5"]
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]
QUERY = "<|im_start|>user\nWhat is 2 + 3?<|im_end|>\n<|im_start|>assistant\n"
ITEM = {"prompt": PROMPT, "response": "5"}
TOKEN = "0123456789abcdef"


def run() -> probrm.runs.Run:  # type: ignore[name-defined]
    return tiny_run("bert", pooling="cls")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(run(), name="tiny", limits=Limits(texts=4, body=20_000, characters=1_000))) as client:
        yield client


def said(*texts: Conversation) -> Rewards:
    return find_recipe(run().kind).reward(run(), texts)


def test_scores_are_the_runs(client: TestClient) -> None:
    items = [*({"prompt": PROMPT, "response": answer} for answer in ANSWERS), {"prompt": CHAT, "response": "5"}]
    found = client.post("/score", json={"items": items}).json()
    assert found["model"] == "tiny"
    chat = tuple((one["role"], one["content"]) for one in CHAT)
    expected = said(*(Conversation(PROMPT, answer) for answer in ANSWERS), Conversation(chat, "5"))
    for field in fields(Rewards):
        np.testing.assert_allclose([one[field.name] for one in found["scores"]], getattr(expected, field.name), atol=1e-5)
    assert abs(found["scores"][2]["reward"] - found["scores"][3]["reward"]) > 1e-3  # the system's message is seen


@pytest.mark.parametrize("risk", ["mean", "lower"])
def test_rankings_are_the_runs(client: TestClient, risk: Any) -> None:
    found = client.post("/rank", json={"prompt": PROMPT, "responses": ANSWERS, "risk": risk}).json()
    expected = run().best_of_n(PROMPT, ANSWERS, risk=risk)
    assert (found["chosen"], found["regret"]) == (expected.chosen, pytest.approx(expected.regret, abs=1e-5))
    for name in ("reward", "p_best", "rank", "rank_low", "rank_high", "advantage", "advantage_low"):
        np.testing.assert_allclose(found[name], getattr(expected, name), atol=1e-5)
    assert client.post("/rank", json={"prompt": PROMPT, "responses": ANSWERS, "abstain": 0.0}).json()["chosen"] is None


def test_openrlhf_and_vllm_get_what_they_ask_for(client: TestClient) -> None:
    expected = said(Conversation((("user", PROMPT),), "5"))
    asked = {"query": [QUERY + "5<|im_end|>\n", PROMPT + "5"], "prompts": [QUERY, PROMPT], "labels": [None, {"any": 1}]}
    found = client.post("/get_reward", json=asked).json()
    assert found["rewards"] == pytest.approx([float(expected.reward[0]), float(said(Conversation(PROMPT, "5")).reward[0])], abs=1e-5)
    assert found["scores"][0] == pytest.approx(float(expected.probability[0]), abs=1e-5)
    assert found["extra_logs"]["reward_sd"][0] == pytest.approx(float(expected.reward_sd[0]), abs=1e-5)
    messages = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "5"}]
    for path in ("/classify", "/v1/classify"):
        raw = client.post(path, json={"model": "x", "input": QUERY + "5<|im_end|>\n", "use_activation": False}).json()
        assert raw["data"][-1]["probs"] == [pytest.approx(float(expected.reward[0]), abs=1e-5)]
        assert raw["data"][0]["num_classes"] == 1
        assert client.post(path, json={"messages": messages, "use_activation": False}).json()["data"] == raw["data"]
        assert client.post(path, json={"input": QUERY + "5", "activation": False}).json()["data"] == raw["data"]  # before vLLM 0.11.2
        nothing = client.post(path, json={"input": QUERY + "<|im_end|>\n", "use_activation": False}).json()["data"]  # an end at once
        assert nothing[0]["probs"] == [pytest.approx(float(said(Conversation((("user", PROMPT),), "")).reward[0]), abs=1e-5)]
        both = client.post(path, json={"input": [QUERY + "5", QUERY + "6"]}).json()["data"]
        assert both[0]["probs"] == [pytest.approx(float(expected.probability[0]), abs=1e-5)]
        assert [one["index"] for one in both] == [0, 1]
    as_sglang = client.post("/v1/embeddings", json={"model": "x", "input": QUERY + "5"}).json()
    assert as_sglang["data"][-1]["embedding"] == [pytest.approx(float(expected.reward[0]), abs=1e-5)]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/score", {"items": []}, 422, "items"),
        ("/score", {"items": [ITEM] * 5}, 413, "5 texts in one request; allowed: 4"),
        ("/score", {"items": [{"prompt": "x" * 999, "response": "yy"}]}, 413, "text 0: 1001 characters; allowed: 1000"),
        ("/score", {"items": [{"prompt": [], "response": "x"}]}, 422, "an empty list of messages"),
        ("/score", {"items": [{"prompt": [{"role": "user", "content": [{"type": "image"}]}], "response": "x"}]}, 422, "items.0.prompt"),
        ("/score", {"items": [{"prompt": 5, "response": "x"}]}, 422, "items.0.prompt"),
        ("/rank", {"prompt": "p", "responses": ["a"], "risk": "best"}, 422, "'mean' or 'lower'"),
        ("/rank", {"prompt": "p", "responses": ["a"], "abstain": 2}, 422, "abstain"),
        ("/get_reward", {"query": ["ab", "c"], "prompts": ["a"]}, 422, "query: 2 entries; prompts: 1"),
        ("/get_reward", {"query": ["ab"], "prompts": ["b"]}, 422, "query 0: it does not begin with its prompt"),
        ("/get_reward", {"query": ["ab", "a[INST]b"], "prompts": ["a", "a"]}, 422, "query 1: found '[INST]'"),
        ("/get_reward", {"query": ["p" + "</s>" * 300], "prompts": ["p"]}, 413, "text 0: 1201 characters"),
        ("/classify", {"input": "stray " + QUERY + "5"}, 422, "input.0: found text outside of the turns"),
        ("/classify", {"input": QUERY + "5", "activation": False, "use_activation": True}, 422, "they say different things"),
        ("/classify", {"input": "bare"}, 422, "its answer cannot be told from its prompt"),
        ("/classify", {"input": [1, 2]}, 422, "input"),
        ("/classify", {"input": []}, 422, "no text"),
        ("/classify", {}, 422, "one of the two"),
        ("/classify", {"input": "a", "messages": []}, 422, "one of the two"),
        ("/classify", {"messages": [{"role": "user", "content": "a"}]}, 422, "the last message has to be the assistant's"),
        ("/nothing", {}, 404, "Not Found"),
    ],
)
def test_what_is_refused(client: TestClient, path: str, body: Any, status: int, words: str) -> None:
    found = client.post(path, json=body)
    assert found.status_code == status
    assert words in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"{", 422), (b'"\xff"', 400), (b"[" * 15_000, 400), (b'{"items": ' + b"1" * 5_000 + b"}", 400), (b" " * 20_001, 413)],
    ids=["empty", "cut", "no UTF-8", "deep", "digits", "long"],
)
def test_bodies_that_are_no_json(client: TestClient, content: bytes, status: int) -> None:
    json_type = {"Content-Type": "application/json"}
    assert client.post("/score", content=content, headers=json_type).status_code == status
    assert client.post("/score", content=iter([content]), headers=json_type).status_code == status  # in pieces, without a length
    assert client.post("/score", content=content, headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (RewardAsked, {"query": [1] * 100_000, "prompts": []}),
        (RewardAsked, {"query": ["a"], "prompts": [1] * 100_000}),
        (ScoreAsked, {"items": [1] * 100_000}),
        (ScoreAsked, {"items": [{"prompt": [1] * 100_000, "response": "x"}]}),
        (RankAsked, {"prompt": "p", "responses": [1] * 100_000}),
        (ClassifyAsked, {"input": [1] * 100_000}),
        (ClassifyAsked, {"messages": [1] * 100_000}),
        (EmbedAsked, {"input": [1] * 100_000}),
    ],
)
def test_many_wrong_entries_are_told_of_by_the_first(form: Any, body: Any) -> None:
    """To describe a million of them takes gigabytes, and seconds in which nobody is answered."""
    with pytest.raises(ValidationError) as error:
        form.model_validate(body)
    assert error.value.error_count() <= 2


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\u202e", "🙂" * 400, " ", ""], ids=ascii)
def test_any_text_has_an_answer(client: TestClient, text: str) -> None:
    body = json.dumps({"items": [{"prompt": text, "response": text}]})
    found = client.post("/score", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 200
    assert np.isfinite(found.json()["scores"][0]["reward"])


def test_a_token_where_there_is_one() -> None:
    with TestClient(create_app(run(), token=TOKEN)) as client:
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer"}):
            found = client.post("/score", json={"items": [ITEM]}, headers=headers)
            assert (found.status_code, found.json()["error"]["code"]) == (401, "unauthorized")
        assert client.get("/metrics").status_code == client.get("/openapi.json").status_code == 401
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == client.get("/").status_code == 200
        assert client.post("/score", json={"items": [ITEM]}, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.post(f"/score?token={TOKEN}", json={"items": [ITEM]}).status_code == 200


def test_another_sites_name_is_no_name_of_ours() -> None:
    """A page whose name was made to point at this machine asks under its own name."""
    with TestClient(create_app(run(), hosts=frozenset({"127.0.0.1", "::1"}))) as client:
        for host, status in (("evil.example", 403), ("127.0.0.1", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("[::1]", 200)):
            assert client.get("/healthz", headers={"Host": host}).status_code == status, host


def test_what_is_counted(client: TestClient) -> None:
    before = client.get("/metrics").text
    client.post("/score", json={"items": [ITEM, ITEM]})
    client.post("/rank", json={"prompt": PROMPT, "responses": ANSWERS})
    client.get("/made-up-1")
    client.get("/made-up-2")
    after = client.get("/metrics").text

    def count(text: str, name: str) -> float:
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    for name, more in (
        ("probrm_texts_total", 5),
        ('probrm_requests_total{code="404",route="other"}', 2),
        ("probrm_reward_sd_count", 5),
        ('probrm_request_seconds_count{route="/score"}', 1),
    ):
        assert count(after, name) == count(before, name) + more, name
    assert "made-up" not in after


def test_the_page_brings_all_it_needs(client: TestClient) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert '<script src="page.js">' in page.text
    for path in ("/page.js", "/page.css"):
        assert client.get(path).status_code == 200
        assert "http" not in client.get(path).text.replace("http://www.w3.org/2000/svg", "")
    for other in ("app.py", "../app.py", "/etc/hostname"):  # no part of a request names a file
        for name in ("file", "path", "self"):
            assert client.get("/page.js", params={name: other}).text == client.get("/page.js").text
    assert client.get("/docs").status_code == 404  # FastAPI's own loads scripts from elsewhere


def test_nothing_but_a_body_is_read(client: TestClient) -> None:
    """FastAPI takes what a route's function has beside it from addresses, headers and cookies."""
    from fastapi.routing import APIRoute

    app: Any = client.app
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) >= 11
    for route in routes:
        given = route.dependant
        assert not [*given.query_params, *given.path_params, *given.header_params, *given.cookie_params], route.path
        assert len(given.body_params) == (route.methods == {"POST"}), route.path
