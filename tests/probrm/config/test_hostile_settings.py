"""Settings that nobody means: of other types, too deep, too large, not finite; files that are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.config import build_config, parse_assignment, read_toml
from probrm.errors import ConfigError
from probrm.runs import find_recipe

NAN_INF = ("nan", "inf", "-inf", "1e400", "9" * 400, "true", "[]", "{a = 1}", "1979-05-27")


@pytest.mark.parametrize(
    "text",
    [
        "model.priors.weights.dist={a=1}",
        "model.priors.weights.dist=[1]",
        "model.priors.weights={dist = {a = 1}}",
        "model.priors.weights.scale={dist = []}",
        "guide.name=[1]",
        "inference.name={a=1}",
        "guide={name = [[]]}",
        "encoder.pooling=[1]",
        "encoder.layer={a=1}",
        "encoder.name=[]",
        "data.preset=[1]",
        "data.columns=[1]",
        "data.columns={prompt = [1]}",
        "data.derive=[[1]]",
        "data.values={up = [1]}",
        "action.name=[1]",
        "model.reward_head.hidden=[[1]]",
        "device=[1]",
        *(f"inference.draws={value}" for value in ("1", "3", "100001", "4.5", *NAN_INF)),
        *(f"inference.learning_rate={value}" for value in ("0", "-1", "1e31", *NAN_INF)),
        *(f"inference.weight_decay={value}" for value in ("-1", *NAN_INF)),
        *(f"inference.max_steps={value}" for value in ("0", "10000000000", *NAN_INF)),
        *(f"model.priors.weights.loc={value}" for value in NAN_INF),
        *(f"action.miss_rate={value}" for value in NAN_INF),
        *(f"starts={value}" for value in NAN_INF),
        *(f"seed={value}" for value in ("-1", "9223372036854775808", *NAN_INF)),
        *(f"held_out={value}" for value in NAN_INF),
        "model.reward_head={name = 'mlp', hidden = [100000]}",
        "guide={name = 'low-rank', rank = 100000}",
        "inference={name = 'nuts', chains = 100000}",
        ".".join("a" * 33) + "=1",
        "model=" + "[" * 5000 + "]" * 5000,
        "model=" + "[" * 40 + "]" * 40,
        "seed=" + "9" * 5000,
        "seed=1\nstarts=2",
    ],
    ids=lambda text: text[:50].encode("ascii", "replace").decode().replace("\n", " "),
)
def test_one_message(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(find_recipe("implicit"), sets=[text])
    assert caught.value.fix


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "{a = " * 40 + "1" + "}" * 40, "nested too deeply; allowed: up to 32"),
        ("[" + "a." * 3000 + "a]\n", "nested too deeply; allowed: up to 32"),
        ("seed = " + "9" * 5000, "more digits than can be read"),
        ("seed = 1\nseed = 2", "not TOML"),
        ("x" * (2**20 + 1), "1,048,577 bytes; allowed: up to 1,048,576"),
        ("\ufeffseed = 1", "not TOML"),
    ],
    ids=["lists", "tables", "names", "digits", "twice", "size", "mark"],
)
def test_a_document(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_toml(str(tmp_path / "c.toml"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(os.mkfifo, "a pipe", id="pipe"),
        pytest.param(Path.mkdir, "it is a folder", id="folder"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "a device", id="device"),
        pytest.param(lambda path: path.symlink_to(path), "Too many levels", id="loop"),
        pytest.param(lambda path: None, "No such file", id="nothing"),
    ],
)
def test_a_file_that_is_none(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    make(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match=said):
        read_toml(str(tmp_path / "c.toml"))


@pytest.mark.parametrize("name", ["x" * 5000, "~nosuchuser/c.toml", "a\0b"], ids=["long", "nobody", "null"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ConfigError, match="--config"):
        read_toml(name)


def test_a_second_line_is_no_second_setting() -> None:
    assert parse_assignment("a=1\nb=2") == {"a": "1\nb=2"}
