"""Results as one JSON file and one table."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any


def machine(device: str) -> dict[str, Any]:
    """What was measured on."""
    import pyro
    import torch
    import transformers

    name = (
        torch.cuda.get_device_name()
        if device.startswith("cuda") and torch.cuda.is_available()
        else platform.processor() or platform.machine()
    )
    versions = {"python": platform.python_version(), "torch": torch.__version__, "pyro": pyro.__version__}
    return {"device": device, "name": name, "transformers": transformers.__version__, **versions}


def markdown(results: dict[str, Any]) -> str:
    """A table of all parts."""
    about = results["machine"]
    head = ", ".join(f"{key} {about[key]}" for key in ("python", "torch", "pyro", "transformers") if key in about)
    lines = [f"# {about.get('name', 'unknown')} ({about['device']}{', tiny' if results['tiny'] else ''})", "", head, ""]
    lines += ["| part | what | value | aim | |", "|---|---|---|---|---|"]
    for name, part in results["parts"].items():
        for row in part["rows"]:
            met = {True: "pass", False: "fail", None: ""}[row["met"]]
            lines.append(f"| {name} | {row['what']} | {row['value']:,.4g} {row['unit']} | {row['aim']} | {met} |")
        peak = part.get("peak_memory_gib")
        lines.append(f"| {name} | whole part: {part['status']} | {part['seconds']:.0f} s | at most {part['limit']} s | |")
        if peak is not None:
            lines.append(f"| {name} | peak memory | {peak:.3g} GiB | | |")
    lines.append("")
    for name, part in results["parts"].items():
        lines += [f"- {name}: {note}" for note in part["notes"]]
        if part.get("error"):
            lines += [f"- {name} {part['status']}:", "", "```", part["error"].strip(), "```", ""]
    return "\n".join(lines) + "\n"


def write(out: Path, results: dict[str, Any]) -> None:
    """Both files, anew after each part."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1))
    (out / "results.md").write_text(markdown(results))
