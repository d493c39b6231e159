"""Errors as answers: one form for all, which repeats none of the texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from probrm.errors import ProbrmError

NAMES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "not_json",
    422: "invalid",
    500: "internal",
    503: "busy",
    504: "timeout",
}
_NO_JSON = "the body is no JSON", "send application/json in UTF-8"


class Refused(HTTPException):
    """A request that is not answered, and why."""

    def __init__(self, status: int, message: str, fix: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.fix = fix


def answer(status: int, message: str, fix: str | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """``{"error": {"code", "message", "fix"}}``."""
    fault = {"code": NAMES.get(status, f"http_{status}"), "message": _plain(message), "fix": fix and _plain(fix)}
    return JSONResponse({"error": fault}, status, dict(headers or {}))


def add_handlers(app: FastAPI) -> None:
    """Every error of a request becomes an answer in that form."""

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> JSONResponse:
        first: dict[str, Any] = dict(error.errors()[0])
        place = ".".join(str(part) for part in first.get("loc", ()) if part != "body")[:200] or "the body"
        if first.get("type") == "json_invalid":
            return answer(422, *_NO_JSON)
        return answer(422, f"{place}: {first.get('msg')}", "see /openapi.json for the form")

    @app.exception_handler(HTTPException)
    async def _(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400 and not isinstance(error, Refused):  # FastAPI's own, where a body cannot be read
            return answer(400, *_NO_JSON)
        return answer(error.status_code, str(error.detail), getattr(error, "fix", None), error.headers)

    @app.exception_handler(ProbrmError)
    async def _(_: Request, error: ProbrmError) -> JSONResponse:
        return answer(422, error.what, error.fix)

    @app.exception_handler(Exception)
    async def _(_: Request, __: Exception) -> JSONResponse:
        return answer(500, "the server failed at this request; its log says where")


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
