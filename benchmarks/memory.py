"""Memory of `analyze`: does it grow with the length of a recording, or with the number of files?

Usage: python benchmarks/memory.py [--hours 1 10] [--counts 1000 10000] [--model MODEL]

Recordings are made of the clips in examples/audio, one after the other. Each row is one run of the command, as users
run it, with a table, a page and a journal; the memory is that of the whole tree of processes (sum of PSS, which shares
what they share), looked at ten times a second. Needs Linux.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from ser_toolkit.data.audio import decode

SR = 16_000


def clips() -> list[np.ndarray]:
    """The example clips at 16 kHz."""
    folder = Path(__file__).parents[1] / "examples" / "audio"
    return [decode(path, sr=SR).y for path in sorted(folder.iterdir())]


def long_recording(path: Path, hours: float) -> None:
    """A recording of many hours: clips at changing loudness."""
    parts, left, rng = clips(), round(hours * 3600 * SR), np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", SR, 1, "PCM_16") as file:
        while left > 0:
            part = parts[rng.integers(len(parts))][:left] * rng.uniform(0.3, 1.0)
            file.write(part)
            left -= len(part)


def many_files(folder: Path, count: int) -> None:
    """Files of one second each, all different."""
    parts, rng = clips(), np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        part = parts[rng.integers(len(parts))]
        first = rng.integers(len(part) - SR)
        soundfile.write(folder / f"{i:05d}.wav", part[first : first + SR], SR, subtype="PCM_16")


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [n for child in task.read_text().split() for n in tree(int(child))]
        except OSError:
            continue
    return found


def pss_mib(pid: int) -> float:
    """Proportional share of memory of a tree of processes, in MiB."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def measure(source: Path, folder: Path, model: str | None) -> tuple[float, float, float]:
    """Peak MiB of a run, its peak in the first minute after the start, and its seconds."""
    command = [sys.executable, "-m", "ser_toolkit", "analyze", str(source), "-o", str(folder / "out.csv")]
    command += ["--report", str(folder / "out.html"), "--labels", "none", *(["--model", model] if model else [])]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    early = peak = 0.0
    while process.poll() is None:
        peak = max(peak, pss_mib(process.pid))
        if time.perf_counter() - began < 60:
            early = peak
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return peak, early, time.perf_counter() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="*", default=[1, 10])
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--model")
    args = parser.parse_args()
    print("| run | peak MiB, whole tree | of that in the first minute | s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for hours in args.hours:
            path = folder / "long.wav"
            long_recording(path, hours)
            peak, early, seconds = measure(path, folder, args.model)
            print(f"| one recording of {hours:g} h | {peak:.0f} | {early:.0f} | {seconds:.0f} |", flush=True)
        for count in args.counts:
            many_files(folder / f"{count}", count)
            peak, early, seconds = measure(folder / f"{count}", folder, args.model)
            print(f"| {count:,} files of 1 s | {peak:.0f} | {early:.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
