"""Logs with a known truth, made from answers that somebody has rated: who acts on what is drawn, what is good is known.

Names load on first use, so importing the room costs nothing until something is simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.simulation.exposures import Simulated, simulate
    from probrm.simulation.levels import above_median, on_five_levels
    from probrm.simulation.log import SimulatedLog, simulate_log
    from probrm.simulation.mechanisms import MECHANISMS
    from probrm.simulation.rated import Rated, RatedSpec, read_rated
    from probrm.simulation.saving import check_simulation_target, read_simulation, write_simulation
    from probrm.simulation.selection import Selected, choice_probability, select
    from probrm.simulation.settings import SimulationSettings

__all__ = [
    "MECHANISMS",
    "Rated",
    "RatedSpec",
    "Selected",
    "Simulated",
    "SimulatedLog",
    "SimulationSettings",
    "above_median",
    "check_simulation_target",
    "choice_probability",
    "on_five_levels",
    "read_rated",
    "read_simulation",
    "select",
    "simulate",
    "simulate_log",
    "write_simulation",
]

__getattr__ = lazy(
    __name__,
    exposures="Simulated simulate",
    levels="above_median on_five_levels",
    log="SimulatedLog simulate_log",
    mechanisms="MECHANISMS",
    rated="Rated RatedSpec read_rated",
    saving="check_simulation_target read_simulation write_simulation",
    selection="Selected choice_probability select",
    settings="SimulationSettings",
)
