"""What becomes of sounds that are not speech, and of speech in noise: the tables of docs/out-of-domain.md.

Usage: python benchmarks/out_of_domain.py [--model MODEL] [--count 10] [--corpora ../shared/corpora] [--speech 0]

A result is *sure* if it names one emotion: it is not skipped, not called uncertain, and its prediction set, where the
model has sets, holds one emotion. The share of sounds without speech that have a sure result is the false-confidence
figure. The sounds are made by `non_speech.py` from fixed seeds; reversed speech, babble and speech in noise are made of
the corpora (their folder as described in its README) and left out without them. Times are those of one core.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import non_speech
import numpy as np
from numpy.typing import NDArray

from ser_toolkit.data.audio import decode
from ser_toolkit.data.speech import holds_speech
from ser_toolkit.errors import AudioError
from ser_toolkit.inference.model import Model
from ser_toolkit.report.results import UNCERTAIN

SR, SECONDS, WINDOW = non_speech.SR, 4.0, 48_000
Audio = NDArray[np.float32]


def outcome(model: Model, y: Audio) -> tuple[bool, bool, str]:
    """Whether an emotion is named, and surely; why not."""
    try:
        result = model.predict(y, SR)
    except AudioError as error:
        return False, False, error.reason
    named = result.predicted != UNCERTAIN
    return named, named and not result.uncertain, ""


def row(name: str, sounds: Sequence[Audio], before: Model, after: Model) -> tuple[NDArray[np.float64], str]:
    """One line: shares of named and sure results, without and with the check for speech."""
    shares = [np.mean([outcome(model, y)[:2] for y in sounds], axis=0) for model in (before, after)]
    cells = " | ".join(f"{share:.0%}" for pair in shares for share in pair)
    return np.array(shares), f"| {name} | {len(sounds)} | {cells} |"


def heard(y: Audio) -> list[bool]:
    """Which windows of a recording hold speech, windows as `analyze` cuts them."""
    starts = [*range(0, max(1, len(y) - WINDOW + 1), WINDOW), max(0, len(y) - WINDOW)]
    return [holds_speech(y[s : s + WINDOW], SR) for s in dict.fromkeys(starts)]


def utterances(folder: Path, corpus: str, count: int) -> Iterator[Audio]:
    """Some recordings of a corpus at 16 kHz; 0: all."""
    with (folder / corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
        names = [line["file"] for line in csv.DictReader(file)]
    for i in sorted(np.random.default_rng(0).permutation(len(names))[: count or len(names)]):
        yield decode(folder / corpus / names[i], sr=SR).y


def missed(recordings: Iterable[Audio]) -> str:
    """Recordings without a window that holds speech, and windows without speech in the others."""
    found = [heard(y) for y in recordings]
    windows = [h for each in found if any(each) for h in each]
    n = sum(not any(each) for each in found)
    return f"{n} of {len(found)}, {windows.count(False)} of {len(windows)}"


def in_noise(y: Audio, noise: NDArray[np.float64], snr_db: float) -> Audio:
    """Speech with noise; the level of speech is that of its frames above the median."""
    frames = np.square(y[: len(y) // 512 * 512].astype(np.float64)).reshape(-1, 512).mean(axis=1)
    level = frames[frames >= np.median(frames)].mean()
    noise = noise[: len(y)]
    mixed = y + noise * np.sqrt(level / (np.square(noise).mean() * 10 ** (snr_db / 10)))
    return np.asarray(mixed / max(1.0, np.abs(mixed).max()), dtype=np.float32)


def babble(pool: Sequence[Audio], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Six voices at once."""
    y = np.zeros(n)
    for i in rng.choice(len(pool), 6, replace=False):
        part = pool[i].astype(np.float64)
        y += np.resize(part / (part.std() + 1e-9), n)
    return y


def cost_ms(sounds: Iterable[Audio]) -> float:
    """Milliseconds of one core that the check takes a window of 3 s."""
    windows = [y[:WINDOW] for y in sounds if len(y) >= WINDOW]
    holds_speech(windows[0], SR)
    began = time.process_time()
    for y in windows:
        holds_speech(y, SR)
    return (time.process_time() - began) / len(windows) * 1000


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None)
    parser.add_argument("--count", type=int, default=10, help="sounds of each kind")
    parser.add_argument("--corpora", type=Path, default=Path(__file__).parents[2] / "shared" / "corpora")
    parser.add_argument("--speech", type=int, default=0, help="recordings of each corpus for the clean row; 0: all")
    given = parser.parse_args()
    before, after = (Model.open(given.model, device="cpu", speech=speech) for speech in ("off", "auto"))
    made = {kind: [non_speech.sound(kind, i, SECONDS) for i in range(given.count)] for kind in non_speech.MAKERS}
    print(f"model {before.name}, {SECONDS:g} s each\n")
    print("| sound | n | named, off | sure, off | named, auto | sure, auto |\n|---|---|---|---|---|---|")
    shares = []
    for kind, sounds in made.items():
        share, text = row(kind, sounds, before, after)
        shares.append(share)
        print(text, flush=True)
    cells = " | ".join(f"{s:.1%}" for s in np.mean(shares, axis=0).ravel())
    print(f"| **all** | {sum(map(len, made.values()))} | {cells} |")
    print(f"\nthe check: {cost_ms([y for v in made.values() for y in v]):.1f} ms a window without speech", end="")
    if not given.corpora.is_dir():
        print(f"\nno corpora in {given.corpora}: the rest is left out")
        return
    pool = {c: list(utterances(given.corpora, c, 60)) for c in ("emodb", "ravdess", "nemo")}
    voices = [y for v in pool.values() for y in v]
    print(f", {cost_ms(voices[:: max(1, len(voices) // 60)]):.1f} ms a window of speech\n")
    rng, n = np.random.default_rng(1), round(SECONDS * SR)
    print("| apart | n | named, off | sure, off | named, auto | sure, auto |\n|---|---|---|---|---|---|")
    apart: dict[str, list[Audio]] = {
        "reversed speech": [y[::-1].copy() for y in voices[:: max(1, len(voices) // given.count)]],
        "babble of six voices": [(0.1 * babble(voices, n, rng)).astype(np.float32) for _ in range(given.count)],
        "0.15 s of a word": [y[len(y) // 2 :][:2400] for y in voices[:: max(1, len(voices) // given.count)]],
        "0.3 s of a word": [y[len(y) // 2 :][:4800] for y in voices[:: max(1, len(voices) // given.count)]],
    }
    for name, sounds in apart.items():
        print(row(name, sounds, before, after)[1], flush=True)
    noises: dict[str, Callable[[int], NDArray[np.float64]]] = {
        kind: lambda n, kind=kind: non_speech.MAKERS[kind](rng, np.arange(n) / SR)
        for kind in ("white noise", "pink noise", "speech shaped noise", "band")
    }
    noises["babble"] = lambda n: babble(voices, n, rng)
    print("\n| missed: recordings, windows of the others | emodb | ravdess | nemo |\n|---|---|---|---|")
    cells = " | ".join(missed(utterances(given.corpora, c, given.speech)) for c in pool)
    print(f"| clean | {cells} |", flush=True)
    for kind, make in noises.items():
        for snr_db in (10, 5, 0):
            cells = " | ".join(missed(in_noise(y, make(len(y)), snr_db) for y in v) for v in pool.values())
            print(f"| {kind}, {snr_db} dB | {cells} |", flush=True)


if __name__ == "__main__":
    main()
