"""Made-up predictions whose scores can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ser_toolkit.evaluation.predictions import Item, Predictions

LABELS = ("anger", "neutral", "sadness")
PROTOCOL = "leave-one-speaker-out"


def certain(
    rows: Sequence[tuple[str, str, str | None]], *, labels: Sequence[str] = LABELS, sure: float = 0.9, **same: object
) -> Predictions:
    """One window per utterance.

    Each row is (speaker, true label, predicted label or None for no window); `sure` is the probability of the
    predicted label, the rest is shared. ``same`` goes into every item.
    """
    items, owner, logits = [], [], []
    for i, (speaker, true, said) in enumerate(rows):
        items.append(Item(**{"file": f"{i}.wav", "emotion": true, "speaker": speaker or None, **same}))
        if said is not None:
            p = np.full(len(labels), (1 - sure) / (len(labels) - 1))
            p[labels.index(said)] = sure
            owner.append(i)
            logits.append(np.log(p))
    return Predictions(
        labels=tuple(labels),
        protocol=PROTOCOL,
        items=tuple(items),
        owner=np.array(owner, dtype=np.int64),
        logits=np.array(logits).reshape(len(owner), len(labels)),
    )


def random_predictions(
    *,
    n: int = 120,
    speakers: int = 8,
    seeds: Sequence[int] = (0,),
    labels: Sequence[str] = LABELS,
    skill: float = 1.0,
    folds: int = 4,
    luck: int = 0,
    without: int = 0,
    alpha: float | None = 0.1,
    temperature: float = 1.5,
) -> Predictions:
    """Utterances of 1 to 3 windows; `skill` is how far the true label's logit is above the noise.

    The utterances depend on `n`, `speakers`, `labels` only; `luck` seeds the noise of the logits.
    """
    fixed = np.random.default_rng(99)
    truth = fixed.integers(len(labels), size=n)
    speaker = np.arange(n) % speakers
    windows = fixed.integers(1, 4, size=n)
    windows[:without] = 0
    items, owner, logits = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([luck, seed])
        manner = rng.normal(scale=0.5, size=(speakers, len(labels)))
        for i in range(n):
            owner += [len(items)] * int(windows[i])
            noise = rng.normal(size=(int(windows[i]), len(labels))) + manner[speaker[i]]
            noise[:, truth[i]] += skill
            logits.append(noise * 2)
            items.append(
                Item(
                    file=f"audio/{i}.wav",
                    emotion=labels[truth[i]],
                    speaker=f"s{speaker[i]}",
                    gender="female" if speaker[i] % 2 else "male",
                    language="de" if speaker[i] < speakers / 2 else "pl",
                    corpus="made",
                    fold=f"fold {speaker[i] % folds + 1}" if folds else "",
                    seed=seed,
                    temperature=temperature,
                    thresholds=(0.85,) * len(labels) if alpha is not None else (),
                )
            )
    return Predictions(
        labels=tuple(labels),
        protocol=PROTOCOL,
        items=tuple(items),
        owner=np.array(owner, dtype=np.int64),
        logits=np.concatenate(logits),
        alpha=alpha,
    )


def renamed(predictions: Predictions, **changes: object) -> Predictions:
    """The same with other values in every item."""
    return replace(predictions, items=tuple(replace(item, **changes) for item in predictions.items))
