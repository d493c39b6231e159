"""JSON with parts of other types, gone, renamed, twice or nested: rows of files, records of runs, settings of encoders."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import STORE, lay_out, on_runs, resigned
from tests.probrm_cli.generated.strange import scalar, text


def spoiled(tree: Any, draw: random.Random, times: int = 1) -> Any:
    """The tree with ``times`` parts of it changed."""
    for _ in range(times):
        tree = _spoil(tree, draw, draw.choice((0, 1, 2, 3, 4, 6)))
    return tree


def _spoil(tree: Any, draw: random.Random, depth: int) -> Any:
    if depth and isinstance(tree, dict) and tree:
        key = draw.choice(list(tree))
        return tree | {key: _spoil(tree[key], draw, depth - 1)}
    if depth and isinstance(tree, list) and tree:
        i = draw.randrange(len(tree))
        return [*tree[:i], _spoil(tree[i], draw, depth - 1), *tree[i + 1 :]]
    match draw.randrange(8):
        case 0 | 1 | 2:
            return scalar(draw)
        case 3 if isinstance(tree, dict) and tree:
            gone = draw.choice(list(tree))
            return {key: value for key, value in tree.items() if key != gone}
        case 3 | 4 if isinstance(tree, dict):
            return tree | {text(draw): scalar(draw)}
        case 4 if isinstance(tree, list):
            return [*tree, scalar(draw)]
        case 5:
            return draw.choice(([tree], {"a": tree}, [[[tree]]], {text(draw): tree}))
        case 6 if isinstance(tree, int | float) and not isinstance(tree, bool):
            return draw.choice((-tree, tree + 1, tree * 10**6, tree * 1.5, str(tree), 0, 10**12, 1e300))
        case 6 if isinstance(tree, str):
            return draw.choice((tree + text(draw), text(draw), tree.upper(), "", [tree], len(tree)))
        case _:
            return scalar(draw)


def dumped(tree: Any, draw: random.Random) -> str:
    """As JSON; lone surrogates stand in it as escapes."""
    return json.dumps(tree, ensure_ascii=draw.random() < 0.5 or "\\ud8" in json.dumps(tree))


MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "q{i}"}, {"role": "assistant", "content": "a{i}"}]


def _rows(draw: random.Random) -> list[dict[str, Any]]:
    """Sixty rows of a form that is read: flat, chats, pairs, ratings, completions."""
    form = draw.randrange(6)
    made = []
    for i in range(60):
        chat = json.loads(json.dumps(MESSAGES).replace("{i}", str(i % 20)))
        match form:
            case 0:
                row = {
                    "prompt": f"q{i % 20}",
                    "response": f"a{i}",
                    "action": i % 3 == 0,
                    "user_id": f"u{i % 4}",
                    "label": None if i % 5 else i % 2,
                }
            case 1:
                row = {"messages": chat, "action": int(i % 3 == 0), "user_id": i % 4}
            case 2:
                row = {"prompt": chat[:2], "chosen": chat[2:], "rejected": [{"role": "assistant", "content": f"b{i}"}], "margin": i / 60}
            case 3:
                row = {
                    "chosen": chat,
                    "rejected": [*chat[:2], {"role": "assistant", "content": f"b{i}"}],
                    "score_chosen": i % 5,
                    "score_rejected": 1.5,
                }
            case 4:
                completions = [
                    {"response": f"a{i}{k}", "annotations": {"helpfulness": {"Rating": str(1 + (i + k) % 5)}}, "overall_score": k}
                    for k in range(3)
                ]
                row = {"instruction": f"q{i}", "completions": completions}
            case _:
                row = {"prompt": f"q{i // 3}", "response": f"a{i}", "rating": i % 5, "helpfulness": i % 4, "verbosity": (i + 1) % 5}
        made.append(row)
    return made


def rows(draw: random.Random, folder: Path, material: Path) -> Case:
    """JSON lines, or one list, with strange rows among them."""
    made: list[Any] = _rows(draw)
    for _ in range(draw.choice((1, 2, 10))):
        i = draw.randrange(len(made))
        made[i] = spoiled(made[i], draw, draw.choice((1, 2)))
    lines = [dumped(row, draw) for row in made]
    listed = draw.random() < 0.3
    (folder / ("data.json" if listed else "data.jsonl")).write_text(
        f"[{','.join(lines)}]" if listed else "\n".join(lines), encoding="utf-8", errors="surrogatepass"
    )
    name = "data.json" if listed else "data.jsonl"
    fit = ["fit", draw.choice(("implicit", "vrm")), "--data", name, "--out", "new", *STORE]
    words = draw.choice((["inspect", name], ["inspect", name], ["simulate", "implicit", "--data", name, "--out", "new.csv"], fit))
    lay_out(folder, material)
    return Case(words, name)


def run_folders(draw: random.Random, folder: Path, material: Path) -> Case:
    """A JSON file of a run, signed."""
    words, runs = on_runs(draw)
    lay_out(folder, material, runs=runs)
    run, name = folder / words[1], draw.choice(("run.json", "run.json", "run.json", "metrics.json", "history.json", "split.json"))
    tree = json.loads((run / name).read_text())
    if name == "run.json":
        part = draw.choice(("config", "record", "spec", "spec", None))
        tree = spoiled(tree, draw) if part is None else tree | {part: spoiled(tree[part], draw, draw.choice((1, 2)))}
    else:
        tree = spoiled(tree, draw, draw.choice((1, 2)))
    (run / name).write_text(json.dumps(tree))
    if draw.random() < 0.9:
        resigned(run)
    return Case(words, f"{words[1]}/{name}", (name,))


def encoders(draw: random.Random, folder: Path, material: Path) -> Case:
    """A JSON file of an encoder's folder."""
    lay_out(folder, material)
    shutil.copytree(material / "tiny", folder / "tiny")
    path = draw.choice(sorted((folder / "tiny").glob("*.json")))
    path.write_text(json.dumps(spoiled(json.loads(path.read_text()), draw, draw.choice((1, 1, 2)))))
    return Case(["embed", "--data", "rated.csv", "--encoder", "tiny", "--out", "new.safetensors"], path.name, (path.name,))


ROWS = Kind("JSON rows", rows, 8)
RUN_TREES = Kind("JSON of runs", run_folders, 8)
ENCODER_TREES = Kind("JSON of encoders", encoders, 3)
