"""Makes `docs/demo.svg`: the commands of `make demo` are run and what they print is drawn as it stands.

    python docs/make_picture.py

Nothing is edited by hand, so the numbers in the picture are those of the fit on this machine.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 116
THEME = TerminalTheme(
    background=(250, 250, 250),
    foreground=(36, 41, 46),
    normal=[(36, 41, 46), (180, 40, 40), (30, 120, 60), (150, 100, 0), (0, 92, 160), (120, 60, 150), (0, 120, 130), (90, 96, 102)],
)


def demo_commands(makefile: str) -> list[list[str]]:
    """The `probrm` commands of the target `demo`, in their order, as argument lists."""
    recipe = makefile.split("\ndemo:", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip() for line in recipe.splitlines()]
    return [["probrm", *shlex.split(line)[1:]] for line in lines if line.startswith("$(BIN)/probrm ")]


def output(command: list[str]) -> str:
    """What a command prints, notes included, with its colours."""
    program = Path(sys.executable).with_name(command[0])
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [str(program), *command[1:]],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def draw(session: list[tuple[str, str]]) -> str:
    """An SVG of commands and their output; it loads nothing from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, text in session:
        console.print(Text(f"$ {command}", style="bold"))
        console.print(Text.from_ansi(text.rstrip()))
        console.print()
    svg = console.export_svg(title="make demo", theme=THEME, unique_id="demo")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # rich's fonts come from a server


def main() -> None:
    """Runs the demo and writes the picture."""
    commands = demo_commands((ROOT / "Makefile").read_text())
    picture = ROOT / "docs" / "demo.svg"
    draft = picture.with_suffix(".svg.part")
    draft.write_text(draw([(shlex.join(command), output(command)) for command in commands]))
    os.replace(draft, picture)
    print(picture.relative_to(ROOT))


if __name__ == "__main__":
    main()
