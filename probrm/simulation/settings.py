"""Settings of a simulated log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SimulationSettings:
    """What is simulated.

    Attributes:
        mechanism: what drives the propensity, see ``probrm.simulation.MECHANISMS``.
        seed: of everything.
        rate: mean of the propensity.
        alpha: of the mechanisms ``label``, ``against`` and ``selected``.
        users: how many; None: a twentieth of the rows.
        exposures: how often each answer is shown, under ``selected`` offered, each time to somebody and somewhere of its own.
        anchors: how many rows, drawn at random, carry the true preference as an explicit ``label``; randomised rows have it anyway.
        randomised: of ``selected``: share of the rows that are shown at random.
    """

    mechanism: str = "label"
    seed: int = 0
    rate: float = 0.2
    alpha: float = 0.5
    users: int | None = None
    exposures: int = 1
    anchors: int = 0
    randomised: float = 0.15
