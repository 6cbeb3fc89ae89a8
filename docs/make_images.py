"""Draw the picture of the README from a real run: ``python docs/make_images.py``."""

from __future__ import annotations

import re
import time
from pathlib import Path

from rich.console import Console

from ser_toolkit.cli.analyze import describe
from ser_toolkit.data.files import find_audio
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.pipeline import analyze_files
from ser_toolkit.report import terminal

ROOT = Path(__file__).parents[1]
WIDTH = 118


def main() -> None:
    """Analyze the example clips with the bundled model and keep what the terminal shows."""
    began = time.perf_counter()
    model = Model.open(device="cpu", hop_s="window")
    results = list(analyze_files(model, find_audio([Path("examples/audio")])))
    about = describe(model, time.perf_counter() - began, len(results), len(results))
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", highlight=False)
    console.print("$ ser-toolkit analyze examples/audio", style="bold")
    console.print(terminal.analysis(results, model.labels, about=about, width=WIDTH))
    svg = console.export_svg(title="ser-toolkit")
    # no fonts from the network: the reader's own monospaced one
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "images" / "analyze.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
