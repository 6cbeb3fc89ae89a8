"""Speed of `egemaps-fast` against openSMILE: same sound, same run, one core, warm.

Usage: python benchmarks/gemaps_speed.py [CORPORA] [--windows N] [--seconds S]

The sound is files of the shared corpora (../shared/corpora), one after the other. Times are processor time, so that
other work on the machine counts little, and the two take turns on each piece, so that what counts hits both. Figures
are medians. The start of a new process is split into what NumPy and Numba take by themselves and the rest.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import argparse
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from ser_toolkit_gemaps import EgemapsFast
from ser_toolkit_paper import Egemaps

SR, WINDOW_S, HOP_S = 16_000, 3.0, 0.75
FIRST_CALL = """
import time
import numpy as np
import numba
imported = time.process_time()
from ser_toolkit_gemaps.products import inner
inner(np.ones(2, np.float32), np.ones(2, np.float32))
one_kernel = time.process_time()
from ser_toolkit_gemaps import EgemapsFast
EgemapsFast()(np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32), 16_000)
print(imported, one_kernel - imported, time.process_time() - one_kernel)
"""


def seconds(call):
    """Processor time of one call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def sound(corpora, duration_s):
    """Speech of `duration_s` seconds."""
    files = [f for name in ("emodb", "ravdess", "nemo") for f in sorted((corpora / name).rglob("*.flac"))[::17]]
    pieces, total = [], 0
    for file in files:
        pieces.append(soundfile.read(file, dtype="float32")[0])
        total += len(pieces[-1])
        if total >= duration_s * SR:
            break
    return np.concatenate(pieces)[: int(duration_s * SR)], pieces


def row(name, unit, theirs, ours):
    """One line of the table."""
    a, b = statistics.median(theirs) * 1e3, statistics.median(ours) * 1e3
    ratios = sorted(x / y for x, y in zip(theirs, ours, strict=True))
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    print(f"| {name} | {a:.2f} | {b:.2f} | {a / b:.1f} | {low:.1f}-{high:.1f} | {unit} |")


def main():
    """Print a table and the time of the first call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "corpora", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpora"
    )
    parser.add_argument("--windows", type=int, default=40, help="single windows")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the recording that windows slide over")
    args = parser.parse_args()
    y, pieces = sound(args.corpora, args.seconds)
    n_window, n_hop = int(WINDOW_S * SR), int(HOP_S * SR)
    fast, shared, smile, smile_shared = (
        EgemapsFast(),
        EgemapsFast(mode="sliding"),
        Egemaps(),
        Egemaps(mode="sliding"),
    )
    for extractor in (fast, smile):
        extractor(y[:n_window], SR)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread\n")
    print("| what | openSMILE ms | egemaps-fast ms | ratio of medians | ratios, 10th-90th percentile | of |")
    print("|---|---|---|---|---|---|")
    cut = [y[i : i + n_window] for i in range(0, len(y) - n_window + 1, n_hop)]
    single = [(seconds(lambda w=w: smile(w, SR)), seconds(lambda w=w: fast(w, SR))) for w in cut[: args.windows]]
    row("3 s windows, each by itself", "a window", *zip(*single, strict=True))
    slid = [
        tuple(
            seconds(lambda e=e: e.sliding(y, SR, n_window=n_window, n_hop=n_hop)) / len(cut)
            for e in (smile, smile_shared, shared)
        )
        for _ in range(3)
    ]
    windows, passes, ours = zip(*slid, strict=True)
    row("windows at 0.75 s hop, openSMILE window by window", "a window", windows, ours)
    row("windows at 0.75 s hop, openSMILE in one pass too", "a window", passes, ours)
    whole = [
        tuple(seconds(lambda e=e, p=p: e(p, SR)) / (len(p) / SR) for e in (smile, fast)) for p in pieces[: args.windows]
    ]
    row("whole files", "a second of audio", *zip(*whole, strict=True))
    starts = [
        subprocess.run([sys.executable, "-c", FIRST_CALL], check=True, capture_output=True, text=True).stdout.split()
        for _ in range(5)
    ]
    imported, kernel, rest = (statistics.median(float(s[k]) for s in starts) for k in range(3))
    print(
        f"\nNew process, compiled code cached: {imported + kernel + rest:.2f} s: {imported:.2f} s for Python, NumPy "
        f"and Numba, {kernel:.2f} s to load a first compiled function of one line, {rest:.2f} s for all else"
    )


if __name__ == "__main__":
    main()
