"""Runs on tiny encoders, fitted once a process."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import probrm
from probrm.encoders import EncoderConfig
from probrm.runs import Run
from tests.small_models import save_model
from tests.support import log_frame

_ROOT = tempfile.TemporaryDirectory(prefix="probrm-tests-")
QUICK = {"inference": {"name": "laplace", "draws": 50, "refit": False}, "starts": 1, "held_out": 0.0, "device": "cpu"}
EXPORTABLE = {"pooling": "mean", "precision": "float32", "layer": "last", "prompt_layer": "last", "max_length": 128}


@cache
def model_folder(family: str) -> str:
    """A saved model; do not write to it."""
    return str(save_model(family, Path(_ROOT.name) / family))


def tiny_run(family: str, *, model: str = "naive", extra: dict[str, Any] | None = None, **encoder: Any) -> Run:
    """``tiny_run("bert", pooling="cls")`` is a run on such an encoder; do not change it."""
    return _fitted(family, model, json.dumps(extra or {}), tuple(sorted(encoder.items())))


@cache
def _fitted(family: str, model: str, extra: str, encoder: tuple[tuple[str, Any], ...]) -> Run:
    config = EncoderConfig(name=model_folder(family), **{**EXPORTABLE, **dict(encoder)})
    return probrm.fit(log_frame(120), model=model, encoder=config, settings={**QUICK, **json.loads(extra)})
