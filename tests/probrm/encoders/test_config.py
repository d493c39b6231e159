from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from probrm.encoders.config import EncoderConfig
from probrm.errors import ConfigError


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"pooling": "max"}, "allowed: response, mean, last, cls"),
        ({"layer": "first"}, "allowed: last, auto, or a number from 0"),
        ({"layer": -1}, "allowed: last, auto, or a number from 0"),
        ({"prompt_layer": True}, "allowed: last, auto, or a number from 0"),
        ({"prompt_layer": 1.0}, "allowed: last, auto, or a number from 0"),
        ({"precision": "int8"}, "allowed: auto, float32, bfloat16, float16"),
        ({"text": "prompt"}, "allowed: pair, response"),
        ({"max_length": 4}, "at least 16"),
        ({"max_length": 64.0}, "whole number"),
        ({"batch_tokens": 0}, "at least 1"),
        ({"normalize": "yes"}, "true or false"),
        ({"name": " "}, "must be a name"),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        EncoderConfig(**setting)
    assert next(iter(setting)) in caught.value.what


def test_importing_the_room_does_not_import_torch() -> None:
    code = "import sys, probrm.encoders as room; room.EncoderConfig(); assert 'torch' not in sys.modules; print(sorted(room.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "load_encoder" in done.stdout


def test_every_public_name_of_the_room_exists() -> None:
    import probrm.encoders as room

    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = room.nothing  # pyright: ignore[reportAttributeAccessIssue]
