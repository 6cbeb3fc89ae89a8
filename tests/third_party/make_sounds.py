"""Make a small labelled corpus of synthetic sound: python make_sounds.py FOLDER.

Four speakers with voices of their own; "anger" is loud and fast, "sadness" soft and slow.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile

SR = 16_000
STYLES = {"anger": (6.0, 0.5), "sadness": (2.5, 0.05)}  # syllables per second, amplitude


def syllables(f0_hz: float, rate_hz: float, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """One to two seconds of a voice-like tone that swells at `rate_hz`, float32 (n_samples,)."""
    t = np.arange(int(rng.uniform(1.0, 2.0) * SR)) / SR
    voice = sum(np.sin(2 * np.pi * f0_hz * k * t) / k for k in range(1, 20))
    swell = np.maximum(np.sin(2 * np.pi * rate_hz * t + rng.uniform(0, 6)), 0)
    noise = 0.001 * rng.standard_normal(len(t))
    return (amplitude * swell * voice / 2 + noise).astype(np.float32)


def main(folder: Path) -> None:
    """Write 32 files and a manifest."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file)
        manifest.writerow(["file", "speaker", "emotion"])
        for speaker, f0_hz in {"ann": 210.0, "ben": 110.0, "cleo": 190.0, "dan": 130.0}.items():
            for emotion, (rate_hz, amplitude) in STYLES.items():
                for take in range(4):
                    name = f"{speaker}-{emotion}-{take}.wav"
                    y = syllables(f0_hz, rate_hz * rng.uniform(0.9, 1.1), amplitude, rng)
                    soundfile.write(folder / name, y, SR)
                    manifest.writerow([name, speaker, emotion])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
