"""Normal stand-ins of priors that are not normal, for the Newton–Laplace start alone.

The start needs a curvature that says how wide a prior is. A normal's does; a Student-t is curved more sharply at its mode
than it is wide, and a Laplace prior has a kink there. What is then fitted is the prior itself.
"""

from __future__ import annotations

from typing import Any

import pyro
from pyro.poutine.messenger import Messenger
from torch import Tensor


def sample_with_stand_in(name: str, distribution: Any, normal: Any, shape: tuple[int, ...]) -> Tensor:
    """Issues ``name`` from ``distribution``; the start sees ``normal``. Both scalar, expanded to ``shape``."""
    wanted, stand_in = (d.expand(shape).to_event(len(shape)) for d in (distribution, normal))
    infer: Any = {"normal": stand_in}
    return pyro.sample(name, wanted, infer=infer)


class NormalStandIns(Messenger):
    """While it is open, sites that name a stand-in have its density."""

    def _pyro_sample(self, msg: Any) -> None:
        stand_in = (msg["infer"] or {}).get("normal")
        if stand_in is not None:
            msg["fn"] = stand_in
