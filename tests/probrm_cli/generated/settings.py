"""Settings: TOML documents and ``--set``, at paths that there are and at paths that there are not."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import fits, lay_out
from tests.probrm_cli.generated.strange import NUMBERS, SHAPES, name, scalar, text
from tests.probrm_cli.generated.trees import spoiled


@functools.cache
def _defaults(model: str) -> str:
    from probrm.config.fit import defaults
    from probrm.runs import find_recipe

    return json.dumps(defaults(find_recipe(model)))


def paths(tree: Any, at: str = "") -> list[str]:
    """Dotted paths of all tables and values."""
    found = [at] if at else []
    if isinstance(tree, dict):
        found += [path for key, value in tree.items() for path in paths(value, f"{at}.{key}" if at else key)]
    return found


SPECIAL = (
    "data.columns.prompt",
    "data.columns.x",
    "data.values.up",
    "data.actions",
    "action.false_rate",
    "model.priors.x",
    "guide.rank",
    "inference.chains",
    "data.preset",
)


def _near(tree: Any, path: str, draw: random.Random) -> str:
    """A value like the one that stands there: a fit may well go through."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(tree, bool):
        return draw.choice(("true", "false"))
    if isinstance(tree, int | float):
        return str(draw.choice((tree, tree + 1, tree * 2, tree / 2, 1, 2, 3, 5, 0.9)))
    return json.dumps(tree)


def _assignment(draw: random.Random, model: str) -> str:
    if draw.random() < 0.4:
        path = draw.choice(paths(json.loads(_defaults(model))))
        return f"{path}={_near(json.loads(_defaults(model)), path, draw)}"
    path = draw.choice((*paths(json.loads(_defaults(model))), *SPECIAL))
    match draw.randrange(8):
        case 0:
            path = f"{path}.{text(draw, argument=True)}"
        case 1:
            path = draw.choice(
                (
                    path.rpartition(".")[0] or path,
                    text(draw, argument=True),
                    path.upper(),
                    f".{path}",
                    f"{path}.",
                    "a." * draw.choice((3, 900)) + "b",
                )
            )
        case _:
            pass
    plain = (draw.choice(NUMBERS), draw.choice(SHAPES), text(draw, argument=True), json.dumps(text(draw)), "1", "0.5")
    value = draw.choice((*plain, '["a", "b"]', '{dist = "beta"}', '{name = "nuts"}'))
    return draw.choice(
        (f"{path}={value}", f"{path}={value}", f"{path}={value}", f"{path} = {value}", path, f"={value}", f"{path}=={value}")
    )


def assignments(draw: random.Random, folder: Path, material: Path) -> Case:
    """``--set``, once or several times."""
    lay_out(folder, material)
    words = fits(draw)
    said = [_assignment(draw, words[1]) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
    return Case([*words, *(word for one in said for word in ("--set", one))], " ".join(said)[:200])


def toml(value: Any, draw: random.Random) -> str:
    """A value as TOML has it, mostly."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {toml(item, draw)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item, draw) for item in value) + "]"
    return '"none"' if value is None else json.dumps(value) if isinstance(value, str) else repr(value)


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key)


DEEP = (
    "a = " + "[" * 5000 + "]" * 5000,
    "a" + ".a" * 3000 + " = 1",
    "[" + "a." * 3000 + "a]\n",
    "a = " + "{a = " * 3000 + "1" + "}" * 3000,
)
DEEP += ("x = " + "9" * 5000, "\ufeffseed = 1", "[[a]]\n" * 5000, "".join(f"a{i} = 1\n" for i in range(50_000)))


def _document(draw: random.Random, model: str) -> str:
    tree = json.loads(_defaults(model))
    tree = {key: tree[key] for key in draw.sample(list(tree), draw.randrange(1, len(tree)))}
    tree = spoiled(tree, draw, draw.choice((1, 1, 2)))
    if not isinstance(tree, dict):
        tree = {"data": tree}
    plain = "".join(f"{_key(key)} = {toml(value, draw)}\n" for key, value in tree.items() if not isinstance(value, dict))
    tables = "".join(
        f"[{_key(key)}]\n" + "".join(f"{_key(k)} = {toml(v, draw)}\n" for k, v in value.items())
        for key, value in tree.items()
        if isinstance(value, dict)
    )
    match draw.randrange(8):
        case 0:
            return (
                plain
                + tables
                + draw.choice(("[data]\n[data]\n", "seed = 1\nseed = 2\n", "[[model]]\n", "a.b = 1\na = 2\n", "[a\n", "= 1\n", "x = \n"))
            )
        case 1:
            return draw.choice(DEEP)
        case 2:
            return plain + "".join(f"{path} = {toml(scalar(draw), draw)}\n" for path in draw.sample(paths(json.loads(_defaults(model))), 1))
        case _:
            return plain + tables


def documents(draw: random.Random, folder: Path, material: Path) -> Case:
    """``--config``."""
    lay_out(folder, material)
    words = fits(draw)
    if draw.random() < 0.1:
        return Case([*words, "--config", name(draw)], "a name")
    content = _document(draw, words[1]).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        content = bytes(byte if draw.random() > 0.01 else draw.randrange(256) for byte in content)
    (folder / "settings.toml").write_bytes(content)
    return Case([*words, "--config", "settings.toml"], "settings.toml")


ASSIGNMENTS = Kind("--set", assignments, 7)
DOCUMENTS = Kind("TOML", documents, 5)
