"""The parts, how long each may take, and one of them run in this process."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS: dict[str, int] = {"fits": 220, "steps": 50, "epoch": 40, "encoders": 160}
"""Seconds by part, imports included; together under eight minutes. Each is a module of this package with a function ``measure``."""


@dataclass(frozen=True)
class Settings:
    """What a part is told.

    Attributes:
        device: ``cuda`` or ``cpu``.
        tiny: sizes at which everything runs in seconds, for trying it out without a GPU.
        stores: folder of the example's vectors; None makes them where the offline encoder is installed.
    """

    device: str
    tiny: bool = False
    stores: Path | None = None


class Sheet:
    """What a part has measured, on disk after each number: a part that overruns leaves what it had."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Any] = {"rows": [], "notes": []}
        self._write()

    def row(self, what: str, value: float, unit: str = "", *, most: float | None = None, least: float | None = None) -> None:
        """One number; with ``most`` or ``least``, whether it meets that."""
        aim = f"at most {most:g}" if most is not None else f"at least {least:g}" if least is not None else ""
        met = None if not aim else bool((most is None or value <= most) and (least is None or value >= least))
        self._found["rows"].append({"what": what, "value": float(value), "unit": unit, "aim": aim, "met": met})
        self._write()

    def note(self, text: str) -> None:
        """A sentence under the table."""
        self._found["notes"].append(text)
        self._write()

    def end(self, peak: float) -> None:
        """The part is done; peak memory in GiB."""
        self._found |= {"done": True, "peak_memory_gib": peak}
        self._write()

    def _write(self) -> None:
        unfinished = self._path.with_suffix(".partial")
        unfinished.write_text(json.dumps(self._found, indent=1))
        unfinished.replace(self._path)


def measure(name: str, settings: Settings, result: Path) -> None:
    """Runs a part here."""
    from benchmarks.gpu.measuring import peak_memory, prepare

    sheet = Sheet(result)
    prepare(settings.device)
    importlib.import_module(f"benchmarks.gpu.{name}").measure(settings, sheet)
    sheet.end(peak_memory(settings.device))
