"""How much each layer of an encoder knew of what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from probrm.figures.style import BLUE, MUTED, ORANGE, canvas, legend

_NAMES = {"layer": "responses", "prompt_layer": "prompts"}


def layer_choice(choices: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Held-out log-likelihoods by layer, with one standard error of the difference to the best; None where nothing was chosen.

    Args:
        choices: each with ``setting``, ``layer``, ``log_likelihood`` and ``error`` by layer, ``rows``, ``prompts`` and ``unit``, as a run
            records them.
    """
    if not choices:
        return None
    first = choices[0]
    note = (
        f"Held-out log-likelihood of {first['rows']} {first['unit']} of {first['prompts']} prompts, by logistic regressions on each layer's "
        "vectors. Bars: one standard error of the difference to the best layer, clustered by prompt."
    )
    figure, grid = canvas(2.6, "Which layer of the encoder is used", note, columns=len(choices))
    for axes, choice in zip(grid[0], choices, strict=True):
        values, chosen = np.array(choice["log_likelihood"]), choice["layer"]
        layers = np.arange(len(values))
        axes.errorbar(layers, values, np.array(choice["error"]), fmt="o-", ms=4, lw=1.2, color=BLUE, ecolor=MUTED, elinewidth=1)
        axes.plot([chosen], [values[chosen]], "s", ms=8, mfc="none", mew=1.6, color=ORANGE, label=f"used: {chosen} of {layers[-1]}")
        axes.set_xlabel(f"layer of {_NAMES[choice['setting']]} (0: token embeddings)")
        axes.set_ylabel("nats a row")
        axes.grid(axis="y")
        legend(axes)
    return figure
