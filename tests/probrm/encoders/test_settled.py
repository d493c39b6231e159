from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from probrm.encoders import settled
from probrm.encoders.config import EncoderConfig
from probrm.encoders.settled import Settled, question, recall, remember

CONFIG = EncoderConfig(name="x", layer=3, prompt_layer="last", precision="bfloat16", max_length=128)
FOUND = Settled(CONFIG, 384, ["a note"], [{"setting": "layer", "layer": 3, "log_likelihood": [-0.5, -0.625]}])


def test_what_was_settled_comes_back(tmp_path: Path) -> None:
    remember(tmp_path, "a" * 64, FOUND)
    assert recall(tmp_path, "a" * 64, CONFIG) == FOUND
    assert recall(tmp_path, "b" * 64, CONFIG) is None
    other = recall(tmp_path, "a" * 64, dataclasses.replace(CONFIG, batch_tokens=7))
    assert other is not None
    assert other.config == dataclasses.replace(CONFIG, batch_tokens=7)  # changes no vector, so it is not asked about
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"sha256": "0"}'])
def test_a_damaged_file_is_no_answer(tmp_path: Path, damage: str) -> None:
    remember(tmp_path, "a" * 64, FOUND)
    (path,) = (tmp_path / "settled").iterdir()
    path.write_text(damage)
    assert recall(tmp_path, "a" * 64, CONFIG) is None


def test_a_changed_number_is_no_answer(tmp_path: Path) -> None:
    remember(tmp_path, "a" * 64, FOUND)
    (path,) = (tmp_path / "settled").iterdir()
    path.write_text(path.read_text().replace("384", "385"))
    assert recall(tmp_path, "a" * 64, CONFIG) is None
    content = json.loads(path.read_text().replace("385", "384"))
    path.write_text(json.dumps(content))
    assert recall(tmp_path, "a" * 64, CONFIG) == FOUND


def test_a_full_disk_costs_the_memory_only(tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]) -> None:
    with full_disk():
        remember(tmp_path, "a" * 64, FOUND)
    assert recall(tmp_path, "a" * 64, CONFIG) is None
    assert list((tmp_path / "settled").iterdir()) == []


def test_all_that_settles_something_is_in_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    files, base = {"model.safetensors": "1"}, EncoderConfig(name="x")

    def ask(files: dict[str, str] = files, config: EncoderConfig = base, device: str = "cpu", observed: str | None = None) -> str:
        return question(files, config, device=device, observed=observed)

    asked = [
        ask(),
        ask(files={"model.safetensors": "2"}),
        ask(config=EncoderConfig(name="y")),
        ask(config=EncoderConfig(name="x", layer=3)),
        ask(config=EncoderConfig(name="x", max_length=77)),
        ask(config=EncoderConfig(name="x", precision="float32")),
        ask(device="cuda"),
        ask(observed="digest"),
    ]
    assert ask() == asked[0] == ask(config=EncoderConfig(name="x", batch_tokens=7))
    monkeypatch.setattr(settled, "version", lambda name: "0")
    assert len({*asked, ask()}) == len(asked) + 1
