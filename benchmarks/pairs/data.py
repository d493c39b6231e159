"""The example pairs and four sets of human preferences, with embeddings; read where they lie, and nothing of their texts is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from probrm.data import Pairs, PairSpec, read_pairs
from probrm.encoders import EncoderConfig, encode_all
from probrm.recipes.pairs.inputs import pair_texts

_EXAMPLES = Path(__file__).parents[2] / "examples"
ATTRIBUTES = ("consistency", "relevance", "fluency", "coherence")


@dataclass(frozen=True)
class Encoded:
    """Pairs with their vectors.

    Attributes:
        name: of the set.
        pairs: m of them.
        prompts: m texts of prompts: the unit that is split and resampled.
        sides: vectors of the chosen responses, the rejected ones and the prompts, ``(m, d)`` each.
    """

    name: str
    pairs: Pairs
    prompts: list[str]
    sides: tuple[Tensor, Tensor, Tensor]


def load(name: str, folder: Path, text: str) -> Encoded:
    """Reads and encodes one of ``SETS``; ``text`` is what the encoder sees of a response, ``pair`` or ``response``."""
    config = EncoderConfig(text=text)  # type: ignore[arg-type]
    pairs = SETS[name](folder)
    m = len(pairs)
    vectors = encode_all(pair_texts(pairs, config, prompts=True), config, device="cpu").vectors
    return Encoded(name, pairs, [c.prompt_text for c in pairs.chosen], (vectors[:m], vectors[m : 2 * m], vectors[2 * m :]))


def _example(_: Path) -> Pairs:
    """Both files of simulated pairs whose prompts ask for different things."""
    tables = [pq.read_table(_EXAMPLES / f"{name}.parquet") for name in ("pairs", "test_pairs")]
    return _read(pa.concat_tables(tables, promote_options="default"))


def _dialsummeval(folder: Path) -> Pairs:
    """Summaries of one dialogue whose mean ratings differ by a quarter of a point or more."""
    columns = {"prompt": "dialogue", "response": "summary"}
    spec = PairSpec(columns=columns, preset="helpsteer", attributes=ATTRIBUTES, min_difference=0.25)
    return read_pairs(str(folder / "dialsummeval" / "ratings.parquet"), spec)


def _ukp(folder: Path) -> Pairs:
    """Arguments for one side of a debate; who is more convincing by the gold label."""
    arguments = {row["id"]: row for row in _rows(folder / "ukp" / "arguments.parquet")}
    found, seen = [], set()
    for row in _rows(folder / "ukp" / "judgments.parquet"):
        pair = row["arg1"], row["arg2"]
        if pair in seen or row["gold"] not in ("a1", "a2") or not all(side in arguments for side in pair):
            continue
        seen.add(pair)
        first, second = (arguments[side] for side in pair)
        found.append(_pair(f"{first['title']}. {first['stance']}", first["text"], second["text"], row["gold"] == "a1"))
    return _pairs(found)


def _llmfao(folder: Path) -> Pairs:
    """Answers of two language models, judged by the crowd; ``left`` is ``result_x``."""
    judged = [row for row in _rows(folder / "llmfao" / "judgments.parquet") if row["winner"] in ("left", "right")]
    return _pairs([_pair(row["text"], row["result_x"], row["result_y"], row["winner"] == "left") for row in judged])


def _pandalm(folder: Path) -> Pairs:
    """Answers to an instruction, by the majority of three annotators."""
    found = []
    for row in _rows(folder / "pandalm" / "pairs.parquet"):
        votes = [int(row[f"annotator{i}"]) for i in (1, 2, 3)]
        if votes.count(1) != votes.count(2):
            prompt = row["instruction"] + (f"\n{row['input']}" if row["input"] else "")
            found.append(_pair(prompt, row["response1"], row["response2"], votes.count(1) > votes.count(2)))
    return _pairs(found)


def _rows(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def _pair(prompt: str, one: str, other: str, first_wins: bool) -> dict[str, str]:
    return {"prompt": prompt, "chosen": one if first_wins else other, "rejected": other if first_wins else one}


def _pairs(rows: list[dict[str, str]]) -> Pairs:
    return _read(pa.Table.from_pylist(rows))


def _read(table: pa.Table) -> Pairs:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.parquet"
        pq.write_table(table, path)
        return read_pairs(str(path), PairSpec())


SETS: dict[str, Callable[[Path], Pairs]] = {
    "example": _example,
    "dialsummeval": _dialsummeval,
    "pandalm": _pandalm,
    "llmfao": _llmfao,
    "ukp": _ukp,
}
