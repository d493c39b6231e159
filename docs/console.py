"""Runs a tutorial: writes or checks the outputs that its page shows.

    python docs/console.py docs/tutorial_log.md

A ``console`` block holds lines that begin with ``$`` and, below each, what it prints. A block of another language that begins with the comment
``# NAME`` is a file of that name. Outputs count as equal if they differ in numbers and spaces only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 110
_BLOCK = re.compile(r"^```(console|python|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w/]+\.(?:py|toml))\n")
_STEP = re.compile(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def environment() -> dict[str, str]:
    """The present Python's commands first, one thread, a fixed width, no colour."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("PROBRM_RUN", "COV_"))}
    return found | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def printed(command: list[str], folder: Path) -> str:
    """What a command prints on both streams, without spaces at line ends; its exit code where that is not 0."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    if done.returncode:
        lines.append(f"[exit code {done.returncode}]")
    return "".join(f"{line}\n" for line in lines)


def same(told: str, found: str) -> bool:
    """Whether two outputs have the same words."""
    return _words(told) == _words(found)


def _words(text: str) -> list[str]:
    text = re.sub(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?", "0", re.sub("─+", "─", text))
    return text.split()


def run_page(
    page: Path, folder: Path, stand_ins: Mapping[str, str] | None = None, examples: Path = ROOT / "examples"
) -> tuple[str, list[str]]:
    """The page with the outputs of now, and what differs from what it shows, one text a step.

    Args:
        page: with ``console`` and ``python`` blocks.
        folder: an empty one, where they run.
        stand_ins: texts in commands and files, and what is run in their place, such as the name of a large model and a small one's folder.
        examples: is linked into ``folder``.
    """
    (folder / "examples").symlink_to(examples)
    text, differing = page.read_text(), []

    def replaced(run: str) -> str:
        for name, small in (stand_ins or {}).items():
            run = run.replace(name, small)
        return run

    def rewritten(block: re.Match[str]) -> str:
        if block[1] != "console":
            if name := _NAME.match(block[2]):
                (folder / name[1]).parent.mkdir(parents=True, exist_ok=True)
                (folder / name[1]).write_text(replaced(block[2]))
            return block[0]
        steps = []
        for command, told in _STEP.findall(block[2]):
            found = printed(["bash", "-c", replaced(command)], folder)
            if not same(told, found):
                differing.append(f"$ {command}\n{found}")
            steps.append(f"$ {command}\n{found}")
        return "```console\n" + "".join(steps) + "```"

    return _BLOCK.sub(rewritten, text), differing


def main() -> None:
    """Writes the outputs of now into the pages that are named."""
    for name in sys.argv[1:]:
        page = Path(name)
        with tempfile.TemporaryDirectory() as folder:
            text, differing = run_page(page, Path(folder))
            page.write_text(text)
        sys.stderr.write(f"{name}: {len(differing)} outputs changed\n")


if __name__ == "__main__":
    main()
