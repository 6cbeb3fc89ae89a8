"""Do steps against noise help? A support vector machine trained on clean speech and tested on noisy, with and without.

Usage: python benchmarks/denoise.py [CORPORA] [--per-speaker N] [--conditions pink:10,babble:0]

emodb, four emotions, eGeMAPS of whole utterances. Two halves of the speakers, each tested on a machine that was trained
on the other. "always" steps work on every recording, the others below their estimated SNR. Unweighted average recall in
per cent, its difference to no step (paired bootstrap over recordings, 95 %), and how often the step had work to do.
"""

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import soundfile
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ser_toolkit.noise.degradation import degrade
from ser_toolkit_denoise.rnnoise import RNNoise
from ser_toolkit_denoise.spectral_gate import SpectralGate
from ser_toolkit_denoise.wiener import Wiener
from ser_toolkit_paper import Egemaps

SR = 16_000
FOUR = ("anger", "happiness", "neutral", "sadness")
STEPS = {
    "none": None,
    "wiener": Wiener(),
    "spectral-gate": SpectralGate(),
    "rnnoise": RNNoise(),
}
ALWAYS = {
    "wiener, always": Wiener(below_snr_db=61),
    "spectral-gate, always": SpectralGate(below_snr_db=61),
    "rnnoise, always": RNNoise(below_snr_db=61),
}


def read(folder, per_speaker):
    """Samples, emotions and speakers; all, and which of them are tested."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["emotion"] in FOUR]
    sounds = [soundfile.read(folder / row["file"], dtype="float32")[0] for row in rows]
    speakers, labels = (np.array([row[key] for row in rows]) for key in ("speaker", "emotion"))
    tested = np.zeros(len(rows), dtype=bool)
    rng = np.random.default_rng(0)
    for speaker in np.unique(speakers):
        for emotion in FOUR:
            own = np.flatnonzero((speakers == speaker) & (labels == emotion))
            tested[rng.permutation(own)[: -(-per_speaker // len(FOUR))]] = True
    return sounds, labels, speakers, tested


def interval(labels, told, plain, n=500):
    """95 % of the differences of recall when recordings are drawn again, emotion by emotion."""
    rng = np.random.default_rng(0)
    gains = []
    for emotion in FOUR:
        right = (told[labels == emotion] == emotion).astype(float) - (plain[labels == emotion] == emotion)
        gains.append(rng.choice(right, (n, len(right))).mean(axis=1))
    return 100 * np.percentile(np.mean(gains, axis=0), [2.5, 97.5])


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "corpora"
    parser.add_argument("corpora", nargs="?", type=Path, default=default)
    parser.add_argument("--per-speaker", type=int, default=24)
    parser.add_argument("--conditions", default="pink:10,pink:0,babble:10,babble:0")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    extract = Egemaps()
    sounds, labels, speakers, tested = read(args.corpora / "emodb", args.per_speaker)
    names = np.unique(speakers)
    half = np.isin(speakers, names[::2])
    clean = np.stack([extract(y, SR) for y in sounds])
    machines = {
        side: make_pipeline(StandardScaler(), SVC(C=2, class_weight="balanced")).fit(
            clean[half != side], labels[half != side]
        )
        for side in (True, False)
    }

    def score(make, plain_features):
        """What each recording is taken for, and how many were changed; `make` gives one as it was and as it is."""
        told, changed = [], []
        for i in np.flatnonzero(tested):
            y, done = make(i)
            changed.append(done is not y)
            if not changed[-1] and i not in plain_features:
                plain_features[i] = extract(y, SR)
            values = extract(done, SR) if changed[-1] else plain_features[i]
            told.append(machines[half[i]].predict(values[None])[0])
        return np.array(told), 100 * np.mean(changed)

    print(f"{int(tested.sum())} recordings of {len(names)} speakers\n")
    print("| test | step | UA | difference | changed |\n|---|---|---|---|---|", flush=True)
    voices = [[y for y, s in zip(sounds, speakers, strict=True) if s != own][::7] for own in names]
    for condition in ("clean", *args.conditions.split(",")):
        noisy = {}
        for i in np.flatnonzero(tested):
            others = voices[int(np.flatnonzero(names == speakers[i])[0])]
            noisy[i] = sounds[i] if condition == "clean" else degrade(sounds[i], SR, condition, voices=others)
        plain, plain_features = labels[tested], {}
        for name, step in {**STEPS, **(ALWAYS if condition == "clean" else {})}.items():
            told, changed = score(
                lambda i, step=step, of=noisy: (of[i], step(of[i], SR) if step else of[i]), plain_features
            )
            plain = told if step is None else plain
            low, high = interval(labels[tested], told, plain)
            ua = 100 * recall_score(labels[tested], told, average="macro")
            off = ua - 100 * recall_score(labels[tested], plain, average="macro")
            shown = f"{off:+.1f} ({low:+.1f} to {high:+.1f})" if step else ""
            print(f"| {condition} | {name} | {ua:.1f} | {shown} | {changed:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
