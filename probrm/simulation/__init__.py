"""Logs with a known truth, made from answers that somebody has rated: who acts on what is drawn, what is good is known.

Names load on first use, so importing the room costs nothing until something is simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.simulation.levels import above_median, on_five_levels
    from probrm.simulation.log import SimulatedLog, SimulationSettings, simulate_log
    from probrm.simulation.mechanisms import MECHANISMS, Simulated, simulate
    from probrm.simulation.rated import Rated, RatedSpec, read_rated
    from probrm.simulation.saving import check_simulation_target, read_simulation, write_simulation

__all__ = [
    "MECHANISMS",
    "Rated",
    "RatedSpec",
    "Simulated",
    "SimulatedLog",
    "SimulationSettings",
    "above_median",
    "check_simulation_target",
    "on_five_levels",
    "read_rated",
    "read_simulation",
    "simulate",
    "simulate_log",
    "write_simulation",
]

__getattr__ = lazy(
    __name__,
    levels="above_median on_five_levels",
    log="SimulatedLog SimulationSettings simulate_log",
    mechanisms="MECHANISMS Simulated simulate",
    rated="Rated RatedSpec read_rated",
    saving="check_simulation_target read_simulation write_simulation",
)
