"""What probrm does on a GPU: fits equal to the CPU's, the speed of SVI and of the encoder, memory. Under eight minutes.

    python -m benchmarks.gpu [--out runs/gpu] [--stores FOLDER] [--device cuda] [--parts fits steps epoch encoders] [--tiny]

Each part runs in a process of its own with a limit; one that fails or overruns is reported, with what it had measured until then, and
the others run all the same. ``--device cpu --tiny`` tries everything out without a GPU. The vectors of the example come from
``--stores`` (``python -m benchmarks.gpu.stores --out FOLDER``) or are made where the offline encoder is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu import parts

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every part ran to its end."""
    chosen = _parser().parse_args(arguments)
    settings = parts.Settings(chosen.device, chosen.tiny, chosen.stores)
    if chosen.one:
        parts.measure(chosen.one, settings, chosen.result)
        return 0
    from benchmarks.gpu import report

    results: dict[str, Any] = {"machine": report.machine(chosen.device), "tiny": chosen.tiny, "parts": {}}
    for name in chosen.parts:
        print(f"{name}: up to {parts.PARTS[name]} s", flush=True)
        results["parts"][name] = run(name, settings, parts.PARTS[name])
        report.write(chosen.out, results)
    print(report.markdown(results))
    print(f"written to {chosen.out}")
    return int(any(part["status"] != "done" for part in results["parts"].values()))


def run(name: str, settings: parts.Settings, limit: float) -> dict[str, Any]:
    """A part in a process of its own: its rows, and how it ended."""
    with tempfile.TemporaryDirectory(prefix="probrm-gpu-") as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.gpu", "--one", name, "--result", str(result), "--device", settings.device]
        command += ["--tiny"] if settings.tiny else []
        command += ["--stores", str(settings.stores.resolve())] if settings.stores else []
        start, error = time.perf_counter(), ""
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
            )
            status = "done" if done.returncode == 0 else "failed"
            error = "" if done.returncode == 0 else (done.stderr + done.stdout)[-3000:]
        except subprocess.TimeoutExpired as late:
            status, error = "overran", f"stopped after {late.timeout:g} s"
        found = json.loads(result.read_text()) if result.exists() else {"rows": [], "notes": []}
        return {**found, "status": status, "error": error, "seconds": time.perf_counter() - start, "limit": limit}


def _environment() -> dict[str, str]:
    """The repository's packages first, whatever else is on the path; nothing is asked of a network."""
    ours = [str(ROOT), str(ROOT / "models"), str(ROOT / "cli")]
    given = os.environ.get("PYTHONPATH")
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join([*ours, given] if given else ours)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmarks.gpu")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu", help="folder of results.json and results.md")
    parser.add_argument("--stores", type=Path, help="folder with log.safetensors and pairs.safetensors")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--parts", nargs="+", choices=list(parts.PARTS), default=list(parts.PARTS))
    parser.add_argument("--tiny", action="store_true", help="sizes that run in seconds")
    parser.add_argument("--one", choices=list(parts.PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
