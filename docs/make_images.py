"""Draw the picture of the README from a real run: ``python docs/make_images.py``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 118
ARGUMENTS = ("analyze", "examples/audio", "--hop", "0.75")


def main() -> None:
    """Analyze the example clips with the bundled model and keep what the terminal shows."""
    colours = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | colours
    command = [sys.executable, "-m", "ser_toolkit", *ARGUMENTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, file=nowhere, width=WIDTH, color_system="truecolor", force_terminal=True)
        console.print(Text(f"$ ser-toolkit {' '.join(ARGUMENTS)}", style="bold"))
        console.print(Text.from_ansi(done.stdout.decode()))
        svg = console.export_svg(title="ser-toolkit")
    # no fonts from the network: the reader's own monospaced one
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "images" / "analyze.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
