"""How far is the blind estimate of SNR off? Clean recordings of three corpora, with noise of a known level.

Usage: python benchmarks/snr.py [CORPORA] [--recordings N]

The level of the speech is that of its active parts (`ser_toolkit.noise.levels`). Median and 10th to 90th percentile of
the estimate, its mean absolute error, and how many recordings are below 12 and 15 dB.
"""

import argparse
from pathlib import Path

import numpy as np

from ser_toolkit.data.audio import decode
from ser_toolkit.noise.degradation import degrade
from ser_toolkit_denoise.snr import estimated_snr_db

SR = 16_000
CORPORA = ("emodb", "ravdess", "nemo")


def row(name, truth, found):
    """One line of the table."""
    low, middle, high = np.percentile(found, [10, 50, 90])
    off = "" if truth is None else f"{np.mean(np.abs(np.array(found) - truth)):.1f}"
    shares = [f"{100 * np.mean(np.array(found) < limit):.0f} %" for limit in (12, 15)]
    print(f"| {name} | {middle:.1f} ({low:.1f} to {high:.1f}) | {off} | {shares[0]} | {shares[1]} |", flush=True)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "corpora"
    parser.add_argument("corpora", nargs="?", type=Path, default=default)
    parser.add_argument("--recordings", type=int, default=30)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    sounds = {}
    for corpus in CORPORA:
        files = sorted((args.corpora / corpus).rglob("*.flac"))
        chosen = rng.permutation(len(files))[: 4 * args.recordings]
        sounds[corpus] = [decode(files[i], sr=SR).y for i in chosen]
    print("| recordings | estimate | error | below 12 dB | below 15 dB |\n|---|---|---|---|---|")
    for corpus, given in sounds.items():
        row(f"{corpus}, clean", None, [estimated_snr_db(y, SR) for y in given])
    some = [y for given in sounds.values() for y in given[: args.recordings]]
    for kind in ("white", "pink", "babble"):
        for snr in (20, 15, 10, 5, 0, -5):
            voices = [y for given in sounds.values() for y in given[args.recordings : args.recordings + 5]]
            found = [estimated_snr_db(degrade(y, SR, f"{kind}:{snr}", voices=voices), SR) for y in some]
            row(f"{kind}, {snr} dB", snr, found)


if __name__ == "__main__":
    main()
