"""Results that no model made, for tests of what is written about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_toolkit.data.files import display_path
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.folder_labels import Labelled, Truth
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.report.results import FileResult, Windows
from ser_toolkit.report.run_info import RunInfo, StageTime

LABELS = ("anger", "happiness", "neutral", "sadness")
HOSTILE = (
    "<script>window.hit=1</script>.wav",
    "</script><img src=x onerror=window.hit=1>.wav",
    "[red]\"x\" & 'y'.wav",
    "=cmd()|calc.wav",
    "a%0Ab%E2%80%A8c%FF.wav",
    "{{ 7*7 }}{% raw %}.wav",
    "<!--<script>.wav",
    "n" * 4000 + ".wav",
)
RUN = RunInfo(
    model="made-up",
    labels=LABELS,
    inputs=("mel",),
    window_s=3.0,
    hop_s=0.75,
    probabilities="calibrated on nobody",
    sets="Sets promise nothing here.",
    device="cpu",
    about_model={"licence": "none", "trained on": "<b>nothing</b>"},
    smoothing_s=2.0,
    workers=2,
    started="2026-11-22T10:00:00+00:00",
    seconds=12.5,
    n_files=3,
    environment={"Python": "3.11"},
    profile=(
        StageTime(stage="features", seconds=9.0, share=0.75),
        StageTime(stage="inference", seconds=3.0, share=0.25),
    ),
)


def result(
    file: str | Path, *, n_windows: int = 4, seed: int = 0, likeliest: str | None = None, **same: object
) -> FileResult:
    """A file of `n_windows` windows; `likeliest` gets 0.7 everywhere."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(len(LABELS), 0.6), size=n_windows).astype(np.float32)
    if likeliest is not None:
        p = 0.3 * p
        p[:, LABELS.index(likeliest)] += 0.7
    starts = 0.75 * np.arange(n_windows)
    whole = dict(zip(LABELS, p.astype(np.float64).mean(axis=0).tolist(), strict=True))
    ranked = sorted(whole, key=lambda label: -whole[label])
    return FileResult(
        **{
            "file": display_path(file),
            "status": "ok",
            "duration_s": float(starts[-1] + 3.0),
            "probabilities": whole,
            "windows": Windows(
                labels=LABELS, starts_s=starts, ends_s=starts + 3.0, probabilities=p, smoothed=(p + p.mean(axis=0)) / 2
            ),
            "prediction_set": tuple(label for label in ranked if whole[label] >= 0.25 or label == ranked[0]),
            **same,
        }
    )


def failed(file: str | Path, reason: str = "undecodable") -> FileResult:
    """A file without a result."""
    status = "skipped" if reason in ("too short", "no speech") else "failed"
    return FileResult(file=display_path(file), status=status, reason=reason, detail=f"it is <i>{reason}</i>")


@dataclass
class Many:
    """Results made on the fly: as the journal of a run, they can be read again, and are never all in memory."""

    n: int
    n_windows: int = 3

    def __len__(self) -> int:
        return self.n

    def __contains__(self, item: object) -> bool:
        return any(item == made for made in self)

    def __iter__(self) -> Iterator[FileResult]:
        for i in range(self.n):
            name = f"/data/corpus/speaker{i % 40:02}/utterance-{i:05}.wav"
            yield failed(name) if i % 97 == 5 else result(name, n_windows=1 + i % self.n_windows, seed=i)


def labelled(results: Sequence[FileResult], truths: dict[str, Truth], **same: object) -> Labelled:
    """Labels for results, scored where both are known."""
    items, owner, logits = [], [], []
    for r in results:
        truth = truths.get(r.file)
        if truth is None or r.status != "ok":
            continue
        for row in r.windows.probabilities:
            owner.append(len(items))
            logits.append(np.log(row + 1e-9))
        items.append(
            Item(
                file=r.file,
                emotion=truth.emotion,
                speaker=truth.speaker,
                gender=truth.gender,
                language="en",
                corpus="c",
            )
        )
    predictions = Predictions(
        labels=LABELS, protocol="unseen speakers", items=tuple(items), owner=np.array(owner), logits=np.array(logits)
    )
    scores = evaluate(predictions, bootstraps=50)
    return Labelled(
        **{"source": "manifest.csv", "truths": truths, "evaluation": scores, "n_seen": 0, "cautions": (), **same}
    )
