"""Folds and scores of the bundled model.

    python recipes/emodb_folds.py split CORPUS/manifest.csv FOLDER    # fold0.csv .. fold4.csv and final.csv
    for f in FOLDER/*.csv; do ser-toolkit train $f --config recipes/emodb.toml --out runs/$(basename $f .csv); done
    python recipes/emodb_folds.py score runs/fold*                    # the table of docs/models.md

Leave one pair out: each fold tests on one man and one woman, chooses the epoch on the next pair, and trains on the
other six. The final model trains on eight and chooses on the last pair. Paths in the manifests are absolute.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from ser_toolkit.training.calibration import conformal

MEN = ("03", "10", "11", "12", "15")
WOMEN = ("08", "09", "13", "14", "16")
BOOTSTRAPS = 2000
ALPHA = 0.1


def pair(k: int) -> set[str]:
    """Speakers of pair k."""
    return {f"emodb-{MEN[k % 5]}", f"emodb-{WOMEN[k % 5]}"}


def write_splits(manifest: Path, folder: Path) -> None:
    """Write the manifests of the five folds and of the final model."""
    rows = list(csv.DictReader(manifest.open(encoding="utf-8", newline="")))
    folder.mkdir(parents=True, exist_ok=True)
    splits = {f"fold{k}": (pair(k), pair(k + 1)) for k in range(5)} | {"final": (set(), pair(4))}
    for name, (test, dev) in splits.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], "split"])
            writer.writeheader()
            for row in rows:
                part = "test" if row["speaker"] in test else "dev" if row["speaker"] in dev else "train"
                path = (manifest.parent / row["file"]).resolve()
                writer.writerow({**row, "file": str(path), "split": part})


def print_coverage(runs: list[Path], labels: list[str]) -> None:
    """Pool the prediction sets of all folds: thresholds from the fold's development pair, sets of its test pair."""
    covered, size, right, truth, speaker = [], [], [], [], []
    for run in runs:
        parts: dict[str, list[dict[str, str]]] = {"dev": [], "test": []}
        for row in csv.DictReader((run / "predictions.csv").open()):
            parts[row["part"]].append(row)
        p = {k: np.array([[float(r[label]) for label in labels] for r in rows]) for k, rows in parts.items()}
        y = {k: np.array([labels.index(r["emotion"]) for r in rows]) for k, rows in parts.items()}
        sets = conformal(p["dev"], y["dev"], labels=labels, method="lac", alpha=ALPHA, fitted_on="development speakers")
        for row, probabilities in zip(parts["test"], p["test"], strict=True):
            members = sets.prediction_set(dict(zip(labels, probabilities.tolist(), strict=True)))
            covered.append(row["emotion"] in members)
            right.append(row["emotion"] == members[0])
            size.append(len(members))
            truth.append(row["emotion"])
            speaker.append(row["speaker"])
    c, n, r, t, s = (np.array(x) for x in (covered, size, right, truth, speaker))
    print(f"\nSets that should hold the truth in {1 - ALPHA:.0%} of recordings: they do in {c.mean():.1%}")
    print(f"per label: {', '.join(f'{label} {c[t == label].mean():.3f}' for label in labels)}")
    print(f"per speaker: {', '.join(f'{x} {c[s == x].mean():.3f}' for x in np.unique(s))}")
    one = n == 1
    print(f"{n.mean():.2f} emotions on average; one in {one.mean():.1%} of sets, {r[one].mean():.1%} of these right")


def score_runs(runs: list[Path]) -> None:
    """Pool the test predictions of all folds; intervals by bootstrap over speakers."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

    rows = [r for run in runs for r in csv.DictReader((run / "predictions.csv").open()) if r["part"] == "test"]
    labels = sorted({r["emotion"] for r in rows})
    truth, predicted = (np.array([r[k] for r in rows]) for k in ("emotion", "predicted"))
    probability = np.array([[float(r[label]) for label in labels] for r in rows])
    speaker = np.array([r["speaker"] for r in rows])
    speakers = np.unique(speaker)
    assert len(rows) == len({r["file"] for r in rows}), "an utterance was tested twice"
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(BOOTSTRAPS):
        index = np.concatenate([np.flatnonzero(speaker == s) for s in rng.choice(speakers, len(speakers))])
        samples.append(
            (balanced_accuracy_score(truth[index], predicted[index]), accuracy_score(truth[index], predicted[index]))
        )
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    print("| score | value | 95 % interval over speakers |\n|---|---|---|")
    for i, (name, value) in enumerate(
        (
            ("UA (macro recall)", balanced_accuracy_score(truth, predicted)),
            ("WA (accuracy)", accuracy_score(truth, predicted)),
        )
    ):
        print(f"| {name} | {value:.3f} | {low[i]:.3f} to {high[i]:.3f} |")
    confidence, right = probability.max(axis=1), truth == predicted
    bins = np.minimum((confidence * 15).astype(int), 14)
    ece = sum(abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    print(f"| expected calibration error (15 bins) | {ece:.3f} | |")
    print(f"| majority baseline (WA) | {max(np.mean(truth == label) for label in labels):.3f} | |\n")
    print("| true \\ predicted | " + " | ".join(labels) + " | recall |\n|" + "---|" * (len(labels) + 2))
    recalls = recall_score(truth, predicted, labels=labels, average=None)
    for label, recall in zip(labels, recalls, strict=True):
        counts = [str(np.sum((truth == label) & (predicted == other))) for other in labels]
        print(f"| {label} | {' | '.join(counts)} | {recall:.3f} |")
    print("\n| speaker | utterances | UA |\n|---|---|---|")
    for s in speakers:
        mine = speaker == s
        print(f"| {s} | {mine.sum()} | {balanced_accuracy_score(truth[mine], predicted[mine]):.3f} |")
    print_coverage(runs, labels)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "split":
        write_splits(Path(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) > 2 and sys.argv[1] == "score":
        score_runs([Path(run) for run in sys.argv[2:]])
    else:
        sys.exit(__doc__)
