"""`listen`: how long from the end of a window to its row, and does its memory grow in an hour?

Usage: python benchmarks/listen.py [CORPORA] [--seconds 120] [--models trilingual emodb] [--hour] [--speed 20]

Recordings of the shared corpora, one after the other with pauses, are piped as 16-bit samples at 16 kHz into the
command, 20 ms at a time, in real time. The latency of a row is counted here, from when the last sample of its window
was due to when its line has come out of the other pipe. With --hour, an hour of the same is piped at --speed times real
time, or as fast as it is taken, and its own memory is looked at every second. Needs Linux.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from ser_toolkit.data.audio import decode

SR, BLOCK_S = 16_000, 0.02
CORPORA = ("emodb", "ravdess", "nemo")


def recordings(folder: Path, seconds: float, seed: int = 0) -> bytes:
    """Samples of as many recordings as it takes, with pauses of half a second to three seconds."""
    rng, parts, n = np.random.default_rng(seed), [], 0
    files = [file for corpus in CORPORA for file in sorted((folder / corpus).rglob("*.flac"))]
    while n < seconds * SR:
        parts += [decode(files[rng.integers(len(files))], sr=SR).y, np.zeros(round(rng.uniform(0.5, 3) * SR))]
        n += len(parts[-2]) + len(parts[-1])
    y = np.concatenate(parts)[: round(seconds * SR)]
    return (np.clip(y, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()


class Run:
    """One run of the command: what is written into it, and when its rows come."""

    def __init__(self, model: str) -> None:
        command = [sys.executable, "-m", "ser_toolkit", "listen", "--json", "--device", "cpu", "--model", model]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=False)
        self.rows: list[tuple[float, dict]] = []
        began = time.monotonic()
        # the header is looked for in the first bytes, so the samples have to begin before it is ready
        self.process.stdin.write(bytes(12))
        self.process.stdin.flush()
        for line in self.process.stderr:
            if line.startswith(b"listening"):
                break
        self.start_up_s = time.monotonic() - began
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self.process.stderr.read)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.rows.append((time.monotonic(), json.loads(line)))

    def feed(self, sound: bytes, *, speed: float) -> float:
        """Write sound at `speed` times real time, or as fast as it is taken; gives the time it began at."""
        step = round(BLOCK_S * SR) * 2 * max(1, round(speed))
        began = time.monotonic()
        for at in range(0, len(sound), step):
            due = began + (at + step) / 2 / SR / speed
            time.sleep(max(0.0, due - time.monotonic()))
            self.process.stdin.write(sound[at : at + step])
            self.process.stdin.flush()
        return began

    def end(self) -> None:
        """Close its input, and wait."""
        self.process.stdin.close()
        for reader in self._readers:
            reader.join()
        self.process.wait()

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """Memory of its own: what libraries share with other processes comes and goes with those."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+)", text, re.MULTILINE)[1]) / 1024


def latency(model: str, sound: bytes) -> None:
    """Pipe in real time; print one line of the table."""
    run = Run(model)
    before_s = run.cpu_s()
    began = run.feed(sound, speed=1.0)
    cpu_s = run.cpu_s() - before_s
    last_s = (len(sound) + 12) / 2 / SR
    run.end()
    late = [at - (began + row["end_s"] - 6 / SR) for at, row in run.rows if row["end_s"] < last_s - 1e-3]
    said = [row for _, row in run.rows if row["status"] == "ok"]
    median, p95 = (1000 * np.percentile(late, q) for q in (50, 95))
    print(
        f"| `{model}` | {len(run.rows)} ({len(said)}) | {median:.0f} | **{p95:.0f}** | {1000 * max(late):.0f} | "
        f"{100 * cpu_s / (len(sound) / 2 / SR):.0f} % | {run.start_up_s:.1f} |",
        flush=True,
    )


def hour(model: str, sound: bytes, *, speed: float) -> None:
    """Pipe an hour as fast as asked, or as it is taken; print the memory as it goes."""
    run = Run(model)
    looks: list[tuple[float, float]] = []
    feeding = threading.Thread(target=run.feed, args=(sound,), kwargs={"speed": speed})
    began, cpu_s = time.monotonic(), run.cpu_s()
    feeding.start()
    while feeding.is_alive():
        looks.append((run.rows[-1][1]["end_s"] if run.rows else 0.0, run.memory_mib()))
        feeding.join(1.0)
    cpu_s = run.cpu_s() - cpu_s
    run.end()
    took_s, heard_s = time.monotonic() - began, run.rows[-1][1]["end_s"]
    at, mib = np.array(looks).T
    warm = at > 300
    slope = np.polyfit(at[warm], mib[warm], 1)[0] * 3600
    pace = f"{took_s:.0f} s, {heard_s / took_s:.1f} times real time, {cpu_s:.0f} s of CPU"
    print(f"\n{heard_s / 60:.0f} minutes with `{model}`, {len(run.rows)} rows: {pace}. MiB of its own, by minutes:\n")
    minutes = [m for m in (1, 5, 10, 20, 30, 40, 50, 60) if 60 * m <= heard_s + 1]
    shown = [f"{mib[at <= 60 * m][-1]:.1f}" for m in minutes]
    print(f"| {' | '.join(map(str, minutes))} | growth an hour |")
    print("|---" * (len(shown) + 1) + "|")
    print(f"| {' | '.join(shown)} | {slope:+.1f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "corpora"
    parser.add_argument("corpora", nargs="?", type=Path, default=default)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--models", nargs="*", default=["trilingual", "emodb"])
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--speed", type=float, default=20)
    args = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} of others before it begins", flush=True)
    if args.models:
        sound = recordings(args.corpora, args.seconds)
        print("\n| model | windows (with speech) | median ms | 95 % ms | longest ms | of a core | start-up s |")
        print("|---|---|---|---|---|---|---|")
        for model in args.models:
            latency(model, sound)
    if args.hour:
        hour("trilingual", recordings(args.corpora, 3600), speed=args.speed)
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
