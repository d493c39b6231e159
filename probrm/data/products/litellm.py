"""LiteLLM: spend logs, which hold exposures alone; feedback comes from another file."""

from __future__ import annotations

from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import chat_of, mapping, parsed, text_or_none
from probrm.data.products.joining import joined
from probrm.data.products.outputs import answer_text
from probrm.data.products.product import Answer, Asked, Messages, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.errors import DataError

_CALLS = ("completion", "acompletion", "responses", "aresponses", "anthropic_messages", "text_completion", "atext_completion", "")


def _recognises(seen: Peek) -> bool:
    return seen.has("request_id", "call_type") and bool({"end_user", "startTime", "api_key", "spend"} & seen.names)


def read(source: str, asked: Asked) -> Reading:
    """Every call that made an answer and succeeded.

    Raises:
        DataError: prompts and answers were not stored; a bad ``--feedback``; what the readers of records and feedback say.
    """
    answers, failed, bare, others = [], 0, 0, 0
    rows = list(records(source))
    for row in rows:
        if str(row.get("call_type") or "") not in _CALLS:
            others += 1
        elif str(row.get("status") or "success").lower() not in ("success", "200"):
            failed += 1
        elif not (prompt := _prompt(row)) or not (response := parsed(row.get("response"))):  # {} where nothing was stored
            bare += 1
        else:
            answers.append(_answer(row, prompt, answer_text(response)))
    if not answers:
        raise DataError(
            f"{source}: none of its {len(rows)} calls has a prompt and an answer ({bare} are empty)",
            fix="set store_prompts_in_spend_logs: true in LiteLLM's general_settings; what was not stored cannot be read",
        )
    told = (
        (failed, "calls failed"),
        (bare, "calls have no stored prompt or answer"),
        (others, "calls made no answer (embeddings and the like)"),
    )
    notes = [f"dropped: {count} of {len(rows)} {what}" for count, what in told if count]
    if asked.feedback is None:
        notes.append("spend logs hold no feedback: join it with --feedback FILE --on request_id")
    notes += joined(answers, asked, source)
    return reading_of(answers, asked, source, notes=notes)


def _prompt(row: dict[str, Any]) -> Messages:
    """The chat: newer versions leave ``messages`` empty and keep the body of the request, which older ones put into ``metadata``."""
    if stored := parsed(row.get("messages")):
        return chat_of(stored)
    request = mapping(row, "proxy_server_request") or mapping(row, "metadata", "proxy_server_request")
    return chat_of(mapping(request, "body") or request)


def _answer(row: dict[str, Any], prompt: Messages, response: str) -> Answer:
    metadata = mapping(row, "metadata")
    answer = Answer(
        id=str(row["request_id"]),
        prompt=prompt,
        response=response,
        user=text_or_none(row.get("end_user") or metadata.get("user_api_key_end_user_id") or row.get("user")),
        session=text_or_none(row.get("session_id")),
        timestamp=text_or_none(row.get("startTime")),
        more={"model": row.get("model")},
    )
    call = row.get("litellm_call_id") or metadata.get("litellm_call_id")
    answer.keys = {"request_id": str(row["request_id"])} | ({"litellm_call_id": str(call)} if call else {})
    return answer


FOUND = {"litellm": Product("litellm", "LiteLLM spend logs", _recognises, read)}
