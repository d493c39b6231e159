"""UltraFeedback as published: a prompt and its rated completions in one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.columns.roles import Roles
from probrm.data.columns.texts import keep_usable, read_answers, read_prompts
from probrm.data.columns.values import Cells, scores
from probrm.data.conversation import Conversation
from probrm.data.files.arrow import is_list, is_text, kernels
from probrm.data.files.hints import did_you_mean, listed
from probrm.data.files.json_values import parse
from probrm.data.pairs.attributes import read_attributes
from probrm.data.pairs.chosen_rejected import read_subset
from probrm.data.pairs.rated_responses import Ratings
from probrm.data.pairs.rating_names import is_rank
from probrm.data.pairs.recognise import Reading
from probrm.data.pairs.shared_prompt import open_turns
from probrm.errors import DataError

_ALLOWED = "lists of {response, overall_score, annotations: {helpfulness: {Rating: …}, …}}"
_FIX = "use the published form (openbmb/UltraFeedback), saved as parquet or JSON lines"


def read_completions(reading: Reading) -> Ratings:
    """The completions of all rows (Cui et al., arXiv 2310.01377); only those of one row are compared.

    Attributes are the annotated aspects; their ratings are text ("4", or "N/A" where there is none). The overall rating is the
    completion's ``overall_score``, or the field that ``columns`` names for ``overall``; where there is none, or an empty name says
    so, the mean of the aspects decides.

    Raises:
        DataError: the completions are of another form, nothing is rated, or a value cannot be used.
    """
    source, parts = reading.source, reading.parts
    everything = np.arange(reading.table.num_rows, dtype=np.int64)
    part = parts["completions"]
    given, counts = _flatten(Cells.of(source, part.name, part.values, everything), reading.about.fields["response"])
    rows = np.repeat(everything, counts)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)

    def cells(*path: str) -> Cells:
        return Cells(source, ".".join((part.name, *path)), _field(given, path), rows)

    read = read_prompts(Cells.of(source, parts["prompt"].name, parts["prompt"].values, everything), notes=reading.notes)
    prompts = [open_turns(prompt) for prompt in read]
    pieces = (
        (prompts[row], answer)
        for row, answer in zip(rows.tolist(), read_answers(cells(reading.about.fields["response"]), notes=reading.notes), strict=True)
    )
    found = [None if prompt is None or answer is None else Conversation(prompt, answer) for prompt, answer in pieces]
    what = "completions have an empty or non-text prompt or response"
    conversations, rows_kept = keep_usable(found, rows, source, reading.notes, what=what, fix="fill or remove them")
    usable = np.array([conversation is not None for conversation in found], dtype=bool)

    overall, named = _overall(reading, _fields(given.type), cells)
    aspects = [name for name in _fields(given.type, "annotations") if "Rating" in _fields(given.type, "annotations", name)]
    aspect_scores = read_attributes({name: [cells("annotations", name, "Rating")] for name in aspects}, reading, rated=True)
    if not aspect_scores and overall is None:
        raise DataError(f"{source}, column {part.name!r}: no completion is rated; allowed: {_ALLOWED}", fix=_FIX)
    roles = Roles(source, parts, everything, fitting=reading.fitting, required=frozenset(), notes=reading.notes)
    user, subset = roles.user(), read_subset(roles)
    ids = np.array([f"{name}.{k}" for name, k in zip(roles.row_id()[rows], number.tolist(), strict=True)], dtype=object)
    return Ratings(
        conversations=conversations,
        rows=rows_kept,
        ids=ids[usable],
        group=rows_kept,
        groups=len(everything),
        attributes={name: values[usable] for name, (values,) in aspect_scores.items()},
        overall=None if overall is None else overall[usable],
        overall_name=named,
        user=None if user is None else user[rows_kept],
        subset=None if subset is None else subset[rows_kept],
    )


def _overall(reading: Reading, there: list[str], cells: Callable[..., Cells]) -> tuple[np.ndarray | None, str]:
    """The overall ratings, reversed where they are ranks, and what they are called."""
    named, usual = reading.spec.columns.get("overall"), reading.about.fields["overall"]
    if named and named not in there:
        raise DataError(
            f"{reading.source}: the completions have no {named!r} (named for 'overall'); found: {listed(there)}",
            fix=did_you_mean(named, there) or "to take the mean of the aspects: --columns overall=",
        )
    name = usual if named is None and usual in there else named
    if not name:
        return None, ""
    fix = "write numbers, or take the mean of the aspects: --columns overall="
    found = reading.optional("overall", lambda: scores(cells(name), fix=fix))
    if found is None or np.isnan(found).all():
        return None, ""
    return (-found if is_rank(name) else found), name


def _flatten(cells: Cells, response: str) -> tuple[pa.ChunkedArray, np.ndarray]:
    """All completions one after the other, and how many each row has."""
    kind = cells.values.type
    chunks = [_parse(cells)] if is_text(kind) else cells.values.chunks
    kind = chunks[0].type
    if not (is_list(kind) and response in _fields(kind.value_type)):
        raise cells.refuse_type(_ALLOWED, _FIX)
    counts = [kernels.fill_null(kernels.list_value_length(chunk), 0).to_numpy(zero_copy_only=False) for chunk in chunks]
    return pa.chunked_array([chunk.flatten() for chunk in chunks]), np.concatenate(counts).astype(np.int64)


def _parse(cells: Cells) -> pa.Array:
    """Completions as JSON text: that is how they come where a field is a number in one row and a text in another."""
    found: list[list[dict[str, Any]] | None] = []
    for position, text in enumerate(cells.values.to_pylist()):
        try:
            found.append(None if not text else [_as_texts(completion) for completion in parse(text)])
        except (ValueError, TypeError, AttributeError):
            raise cells.error(position, _ALLOWED, _FIX) from None
    return pa.array(found)


def _as_texts(completion: dict[str, Any]) -> dict[str, Any]:
    plain = {key: str(value) for key, value in completion.items() if isinstance(value, str | int | float)}
    marks = {name: {"Rating": str(said.get("Rating", ""))} for name, said in (completion.get("annotations") or {}).items()}
    return {**plain, "annotations": marks} if marks else plain


def _field(values: pa.ChunkedArray, path: tuple[str, ...]) -> pa.ChunkedArray:
    found = kernels.struct_field(values, list(path))
    return found.cast(pa.large_string()) if is_text(found.type) else found


def _fields(kind: pa.DataType, *path: str) -> list[str]:
    for name in path:
        if name not in _fields(kind):
            return []
        kind = kind.field(name).type
    return [kind.field(i).name for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
