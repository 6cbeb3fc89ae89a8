"""Can `egemaps-fast` stand in for openSMILE? A support vector machine trained on one and tested on the other.

Usage: python benchmarks/gemaps_svm.py [CORPORA]

Functionals of whole utterances, z-scored on the training speakers, RBF kernel, C = 2, balanced classes; emodb leaves
one speaker out, ravdess is cut into six folds of four speakers. Unweighted average recall in per cent.
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

from ser_toolkit_gemaps import EgemapsFast
from ser_toolkit_paper import Egemaps

FOUR = ("anger", "happiness", "neutral", "sadness")
FOLDS = {"emodb": 10, "ravdess": 6}
EXTRACTORS = {"openSMILE": Egemaps(), "egemaps-fast": EgemapsFast()}


def features(folder):
    """Rows of the manifest, and the features of each extractor."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    values = {name: [] for name in EXTRACTORS}
    for row in rows:
        y, sr = soundfile.read(folder / row["file"], dtype="float32")
        for name, extractor in EXTRACTORS.items():
            values[name].append(extractor(y, sr))
    return rows, {name: np.stack(x) for name, x in values.items()}


def recall(train, test, labels, folds):
    """Unweighted average recall of all folds together."""
    predicted = np.empty_like(labels)
    for fold in np.unique(folds):
        machine = make_pipeline(StandardScaler(), SVC(C=2, class_weight="balanced"))
        machine.fit(train[folds != fold], labels[folds != fold])
        predicted[folds == fold] = machine.predict(test[folds == fold])
    return 100 * recall_score(labels, predicted, average="macro")


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "corpora"
    parser.add_argument("corpora", nargs="?", type=Path, default=default)
    args = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    print("| corpus | classes | trained on | tested on openSMILE | tested on egemaps-fast |\n|---|---|---|---|---|")
    for corpus, n_folds in FOLDS.items():
        rows, values = features(args.corpora / corpus)
        emotions = np.array([row["emotion"] for row in rows])
        speakers = np.array([row["speaker"] for row in rows])
        fold_of = {speaker: k * n_folds // len(set(speakers)) for k, speaker in enumerate(sorted(set(speakers)))}
        folds = np.array([fold_of[speaker] for speaker in speakers])
        for which, used in (("4", np.isin(emotions, FOUR)), ("all", np.ones(len(rows), dtype=bool))):
            for name, train in values.items():
                scores = [recall(train[used], test[used], emotions[used], folds[used]) for test in values.values()]
                print(f"| {corpus} | {which} | {name} | {scores[0]:.1f} | {scores[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
