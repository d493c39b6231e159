from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from probrm.errors import ConfigError
from probrm.inference import INFERENCES, NUTS, SVI, Laplace, inference_config


def test_names() -> None:
    assert list(INFERENCES) == ["svi", "laplace", "nuts"]
    assert [inference_config(name) for name in INFERENCES] == [SVI(), Laplace(), NUTS()]
    assert inference_config(SVI(max_steps=7)).max_steps == 7  # type: ignore[union-attr]


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="unknown inference 'hmc'; allowed: svi, laplace, nuts"):
        inference_config("hmc")


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (SVI, "learning_rate", 0.0),
        (SVI, "learning_rate", -1.0),
        (SVI, "learning_rate", math.nan),
        (SVI, "learnig_rate", 0.1),
        (SVI, "batch_size", 0),
        (SVI, "max_steps", 0),
        (SVI, "eval_every", 0),
        (SVI, "draws", 0),
        (SVI, "weight_decay", -1e-4),
        (SVI, "warmup", 10),
        (NUTS, "draws", -5),
        (NUTS, "max_steps", 10),
        (NUTS, "thin", 0),
        (NUTS, "target_acceptance", 0.0),
        (NUTS, "target_acceptance", 1.0),
        (NUTS, "target_acceptance", 1.5),
        (Laplace, "draws", 0),
        (Laplace, "learning_rate", 0.1),
    ],
)
def test_a_bad_setting_is_refused(cls: Any, field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        cls(**{field: value})
