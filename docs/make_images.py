"""Draw the pictures of the terminal from real runs: ``python docs/make_images.py [analyze] [listen]``. Needs Linux."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from ser_toolkit.data.audio import decode

ROOT = Path(__file__).parents[1]
WIDTH = 118
COLOURS = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | COLOURS
COMMAND = [sys.executable, "-m", "ser_toolkit"]
SR, BLOCK_S = 16_000, 0.02
REDRAWN = "\x1b[1A\x1b[2K"


def main() -> None:
    """Draw those that are named, or all."""
    for name in sys.argv[1:] or ("analyze", "listen"):
        {"analyze": analyze, "listen": listen}[name]()


def analyze() -> None:
    """Analyze the example clips with the bundled model and keep what the terminal shows."""
    arguments = ("analyze", "examples/audio", "--hop", "0.75")
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))
    draw("analyze", f"ser-toolkit {' '.join(arguments)}", done.stdout.decode())


def listen() -> None:
    """Pipe the example clips into a terminal in real time, and keep the picture before the last moment."""
    clips = [decode(path, sr=SR).y for path in sorted((ROOT / "examples" / "audio").iterdir())]
    pause = np.zeros(round(3.5 * SR), dtype=np.float32)
    sound = (np.concatenate([*clips[:4], pause, *clips[4:], *clips[:2]]) * 32767).astype("<i2").tobytes()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "listen"], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    shown = bytearray()
    reader = threading.Thread(target=read, args=(ours, shown))
    reader.start()
    process.stdin.write(bytes(12))  # as much as a header could have
    process.stdin.flush()
    while b"level" not in shown and process.poll() is None:
        time.sleep(0.05)
    step, began = round(BLOCK_S * SR) * 2, time.monotonic()
    for at in range(0, len(sound), step):
        time.sleep(max(0.0, began + at / 2 / SR - time.monotonic()))
        process.stdin.write(sound[at : at + step])
        process.stdin.flush()
    process.send_signal(signal.SIGINT)
    reader.join()
    process.wait()
    last = shown.decode().rsplit("\x1b[?25h", 1)[0].rsplit(REDRAWN, 1)[1].replace("\r", "")
    draw("listen", "arecord -q -f S16_LE -r 16000 | ser-toolkit listen", last)


def read(ours: int, shown: bytearray) -> None:
    """Take all that is written on a terminal until it is closed."""
    with contextlib.suppress(OSError):  # its end
        while data := os.read(ours, 1 << 16):
            shown += data


def draw(name: str, command: str, shown: str) -> None:
    """Write a terminal with a command and what it showed."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, file=nowhere, width=WIDTH, color_system="truecolor", force_terminal=True)
        console.print(Text(f"$ {command}", style="bold"))
        console.print(Text.from_ansi(shown))
        svg = console.export_svg(title="ser-toolkit")
    # no fonts from the network: the reader's own monospaced one
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "images" / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
