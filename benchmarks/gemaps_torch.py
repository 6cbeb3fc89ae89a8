"""The torch backend of `egemaps-fast` against numpy: agreement, and windows per second on the CPU and on CUDA.

Usage: python benchmarks/gemaps_torch.py [CORPORA] [--windows N] [--repeats N] [--batches N ...] [--cuda-batches N ...]

Windows of 3 s are files of the shared corpora (../shared/corpora), repeated or cut; without the corpora synthetic
speech. On the CPU one thread each, the two in turns, medians. On CUDA the audio begins in the memory of the host, as
float32 and as 16-bit integers, and the features end there: transfers are in the figures.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from ser_toolkit.testing.sounds import speech
from ser_toolkit_gemaps import EgemapsFast
from ser_toolkit_gemaps.batched import descriptors
from ser_toolkit_gemaps.names import NAMES

SR, WINDOW_S = 16_000, 3.0
REPEATS = 3
STAGES = {
    "hamming20": "20 ms spectra",
    "gauss60": "60 ms spectra",
    "candidates": "pitch candidates",
    "track": "path through them",
    "jitter_shimmer": "jitter and shimmer",
    "formants": "formants",
    "harmonics": "harmonics, HNR",
    "contour_statistics": "extrema of contours",
}
NUMPY, TORCH = EgemapsFast(), EgemapsFast(backend="torch")


def windows(corpora, count):
    """Windows of the corpora in turn, shape (count, 48000)."""
    n = round(WINDOW_S * SR)
    per_corpus = -(-count // 3)
    rows = []
    for name in ("emodb", "ravdess", "nemo"):
        files = sorted((corpora / name).rglob("*.flac"))
        for file in files[:: max(1, len(files) // per_corpus)][:per_corpus]:
            rows.append(np.resize(soundfile.read(file, dtype="float32")[0], n))
    if not rows:
        print(f"no corpora in {corpora}: synthetic speech\n")
        rows = [speech(WINDOW_S, SR, seed=k) for k in range(min(count, 64))]
    return np.stack(rows)[np.resize(np.random.default_rng(0).permutation(len(rows)), count)]


def seconds(call):
    """Wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def agreement(y):
    """Print where the two disagree."""
    ours = np.concatenate([TORCH.batch(y[i : i + 64], SR) for i in range(0, len(y), 64)]).astype(np.float64)
    theirs = NUMPY.batch(y, SR).astype(np.float64)
    spread = theirs.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])
        off = np.abs(ours - theirs) / spread
    print(f"Agreement over {len(y)} windows: lowest correlation {np.nanmin(correlation):.6f}; ", end="")
    print(f"{np.mean(off > 1e-3):.3%} of the values differ by more than a thousandth of a standard deviation\n")
    for name, r, d in zip(NAMES, correlation, off.T, strict=True):
        if r < 0.99999 or (d > 1e-3).any():
            print(f"- `{name}`: correlation {r:.6f}, {np.sum(d > 1e-3)} windows differ, by at most {d.max():.2g} sd")


def on_cpu(y, batches, repeats):
    """Print windows per second of both, in turns."""
    print("\n| batch | numpy windows/s | torch windows/s | torch over numpy, median (10th-90th percentile) |")
    print("|---|---|---|---|")
    for size in batches:
        ratios, theirs, ours = [], [], []
        for k in range(repeats):
            part = y[np.arange(k * size, (k + 1) * size) % len(y)]
            tensor = torch.tensor(part)
            theirs.append(seconds(lambda part=part: NUMPY.batch(part, SR)))
            ours.append(seconds(lambda tensor=tensor: TORCH.batch(tensor, SR)))
            ratios.append(theirs[-1] / ours[-1])
        low, high = np.percentile(ratios, [10, 90])
        a, b = size / statistics.median(theirs), size / statistics.median(ours)
        print(f"| {size} | {a:.1f} | {b:.1f} | {statistics.median(ratios):.2f} ({low:.2f}-{high:.2f}) |")


def shares(y, device, batches):
    """Print what part of the time each stage takes."""
    own = {name: getattr(descriptors, name) for name in STAGES}
    spent = dict.fromkeys(STAGES, 0.0)

    def timed(name):
        def call(*args, **kwargs):
            began = clock()
            result = own[name](*args, **kwargs)
            spent[name] += clock() - began
            return result

        return call

    def clock():
        if device == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    print(f"\n| stage, on {device} | {' | '.join(f'batch {size}' for size in batches)} |")
    print("|---|" + "---|" * len(batches))
    columns = []
    for name in STAGES:
        setattr(descriptors, name, timed(name))
    for size in batches:
        tensor = torch.tensor(y[np.arange(size) % len(y)]).to(device)
        TORCH.batch(tensor, SR)
        spent.update(dict.fromkeys(spent, 0.0))
        began = clock()
        for _ in range(REPEATS):
            TORCH.batch(tensor, SR)
        total = clock() - began
        parts = [spent[name] / total for name in STAGES]
        columns.append([*parts, 1 - sum(parts)])
    for name, function in own.items():
        setattr(descriptors, name, function)
    for what, row in zip([*STAGES.values(), "rest"], zip(*columns, strict=True), strict=True):
        print(f"| {what} | " + " | ".join(f"{part:.0%}" for part in row) + " |")


def on_cuda(y, batches, repeats):
    """Print windows per second with the transfers included."""
    print(f"\n{torch.cuda.get_device_name()}, from host memory and back:\n")
    print(
        "| batch | float32 windows/s | seconds of audio per second | int16 windows/s | resident windows/s | peak GB |"
    )
    print("|---|---|---|---|---|---|")
    for size in batches:
        host = torch.tensor(y[np.arange(size) % len(y)]).pin_memory()
        small = (host * 32767).round().to(torch.int16).pin_memory()
        there = host.cuda()
        torch.cuda.reset_peak_memory_stats()
        rates = []
        for call in (
            lambda host=host: TORCH.batch(host.cuda(non_blocking=True), SR).cpu(),
            lambda small=small: TORCH.batch(small.cuda(non_blocking=True) / 32767, SR).cpu(),
            lambda there=there: (TORCH.batch(there, SR), torch.cuda.synchronize()),
        ):
            call()
            rates.append(size / statistics.median(seconds(call) for _ in range(repeats)))
        peak = torch.cuda.max_memory_allocated() / 1e9
        print(f"| {size} | {rates[0]:.0f} | {rates[0] * WINDOW_S:.0f} | {rates[1]:.0f} | {rates[2]:.0f} | {peak:.1f} |")
    got, want = TORCH.batch(there, SR).cpu().numpy(), TORCH.batch(host, SR).numpy()
    print(
        f"\nCUDA against CPU: {np.mean(np.abs(got - want) > 1e-3 * want.std(axis=0) + 1e-6):.3%} of the values differ"
    )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="?", default=Path(__file__).parents[1] / "../shared/corpora")
    parser.add_argument("--windows", type=int, default=201)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--cuda-batches", type=int, nargs="+", default=[64, 512, 2048])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}\n")
    y = windows(arguments.corpora, arguments.windows)
    TORCH.batch(y[:2], SR)
    agreement(y)
    on_cpu(y, arguments.batches, arguments.repeats)
    shares(y, "cpu", arguments.batches)
    if torch.cuda.is_available():
        on_cuda(y, arguments.cuda_batches, arguments.repeats)
        shares(y, "cuda", arguments.cuda_batches)
    else:
        print("\nNo CUDA device here.")


if __name__ == "__main__":
    main()
