"""The routes."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from probrm.data import Conversation
from probrm.posterior import Rewards
from probrm.runs import Run
from probrm.serving import asked as read
from probrm.serving.batches import Batches, Choice
from probrm.serving.faults import add_handlers
from probrm.serving.forms import (
    Class,
    ClassifyAnswer,
    ClassifyAsked,
    EmbedAnswer,
    EmbedAsked,
    Embedding,
    ErrorAnswer,
    Health,
    RankAnswer,
    RankAsked,
    RewardAnswer,
    RewardAsked,
    ScoreAnswer,
    ScoreAsked,
    Scored,
)
from probrm.serving.guard import Guard
from probrm.serving.limits import Limits
from probrm.serving.meters import Meters

_PAGE = Path(__file__).parent / "page"
_FAULTS: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 401, 403, 408, 413, 415, 422, 503, 504)}


def create_app(
    run: Run, *, name: str = "run", token: str | None = None, hosts: frozenset[str] | None = None, limits: Limits | None = None
) -> FastAPI:
    """An application that answers for a run.

    Args:
        run: fitted; texts suffice for its reward.
        name: by which answers call it.
        token: see ``Guard``.
        hosts: likewise.
        limits: on requests.
    """
    bounds, meters = limits or Limits(), Meters()
    batches = Batches(run, bounds, meters.batch)
    meters.waiting = lambda: batches.waiting

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batches.start()
        app.state.ready = True
        yield
        app.state.ready = False
        await batches.stop()

    app = FastAPI(title="probrm", version="1", docs_url=None, redoc_url=None, lifespan=lifespan, responses=_FAULTS)
    app.state.ready = False

    def finish() -> None:
        app.state.ready = False
        batches.finish()

    app.state.finish, app.state.meters = finish, meters
    app.add_middleware(Guard, limits=bounds, meters=meters, token=token, hosts=hosts)  # type: ignore[arg-type]
    add_handlers(app)

    async def rewards(texts: Sequence[Conversation]) -> Rewards:
        found = await batches.rewards(texts)
        meters.rewards(found)
        return found

    @app.post("/score")
    async def score(asked: ScoreAsked) -> ScoreAnswer:
        """Rewards with their intervals."""
        found = await rewards(read.of_score(asked, bounds))
        return ScoreAnswer(model=name, scores=_rows(found))

    @app.post("/rank")
    async def rank(asked: RankAsked) -> RankAnswer:
        """Which of several answers to a prompt is best, from joint draws."""
        found, scored = await batches.ranking(read.of_rank(asked, bounds), Choice(asked.risk, asked.abstain))
        meters.rewards(scored)
        given = {key: value.tolist() for key, value in asdict(found).items() if key not in ("chosen", "abstains", "regret")}
        return RankAnswer(model=name, chosen=None if found.abstains else found.chosen, regret=found.regret, **given)

    @app.post("/get_reward")
    async def get_reward(asked: RewardAsked) -> RewardAnswer:
        """OpenRLHF's remote reward model."""
        found = await rewards(read.of_reward(asked, bounds))
        logs = {"reward_sd": found.reward_sd.tolist(), "reward_low": found.reward_low.tolist()}
        return RewardAnswer(rewards=found.reward.tolist(), scores=found.probability.tolist(), extra_logs=logs)

    @app.post("/classify")
    @app.post("/v1/classify")
    async def classify(asked: ClassifyAsked) -> ClassifyAnswer:
        """vLLM's classification, as verl asks it: the raw reward with ``use_activation: false``, the probability otherwise."""
        found = await rewards(read.of_classify(asked, bounds))
        values = found.reward if asked.raw else found.probability
        data = [Class(index=i, probs=[value]) for i, value in enumerate(values.tolist())]
        return ClassifyAnswer(id=f"classify-{uuid.uuid4().hex}", created=int(time.time()), model=name, data=data)

    @app.post("/v1/embeddings")
    async def embeddings(asked: EmbedAsked) -> EmbedAnswer:
        """SGLang's form, as verl asks it: the raw reward as an embedding of one number."""
        found = await rewards(read.of_texts(asked.input, bounds))
        return EmbedAnswer(model=name, data=[Embedding(index=i, embedding=[value]) for i, value in enumerate(found.reward.tolist())])

    @app.get("/healthz")
    async def healthz() -> Health:
        """The process answers."""
        return Health(status="ok")

    @app.get("/readyz", response_model=Health)
    async def readyz() -> JSONResponse:
        """Requests are taken."""
        ready = app.state.ready
        return JSONResponse({"status": "ready" if ready else "stopping"}, 200 if ready else 503)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, file in (("/", "page.html"), ("/page.js", "page.js"), ("/page.css", "page.css")):
        app.add_api_route(path, _sending(_PAGE / file), methods=["GET"], include_in_schema=False)
    return app


def _sending(path: Path) -> Callable[[], FileResponse]:
    """A route without parameters: FastAPI would take one with a default from the query, and send any file."""
    return lambda: FileResponse(path)


def _rows(found: Rewards) -> list[Scored]:
    columns = [getattr(found, field.name).tolist() for field in fields(Rewards)]
    names = [field.name for field in fields(Rewards)]
    return [Scored(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
