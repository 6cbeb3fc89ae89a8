"""Late fusion by hand-made numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.late_fusion import late_fusion
from ser_toolkit.evaluation.predictions import Item, Predictions


def predictions(
    probabilities: list[list[float]], *, seed: int = 0, order=(0, 1), temperature: float = 1.0
) -> Predictions:
    items = [Item(file="a.wav", emotion="x", seed=seed), Item(file="b.wav", emotion="y", seed=seed)]
    owner = {0: [0, 0], 1: [1]}
    rows = {0: probabilities[:2], 1: probabilities[2:]}
    return Predictions(
        labels=("x", "y"),
        protocol="by hand",
        items=tuple(replace(items[i], temperature=temperature, thresholds=(0.5, 0.5)) for i in order),
        owner=np.array([new for new, i in enumerate(order) for _ in owner[i]]),
        logits=temperature * np.log([row for i in order for row in rows[i]]),
        alpha=0.1,
    )


A = [[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]]
B = [[0.5, 0.5], [0.2, 0.8], [0.1, 0.9]]


def test_windows_get_the_mean_of_calibrated_probabilities_whatever_the_order():
    for other in (predictions(B), predictions(B, order=(1, 0)), predictions(B, temperature=3.0)):
        fused = late_fusion(predictions(A, temperature=2.0), other)
        np.testing.assert_allclose(fused.windows(), [[0.7, 0.3], [0.4, 0.6], [0.3, 0.7]], atol=1e-9)
        assert fused.sets() is None


def test_only_common_seeds_are_fused():
    from ser_toolkit.evaluation.predictions import concatenate

    both = concatenate([predictions(A, seed=0), predictions(A, seed=1)])
    assert late_fusion(both, predictions(B, seed=1)).seeds == (1,)
    with pytest.raises(ModelError, match="seeds"):
        late_fusion(predictions(A, seed=0), predictions(B, seed=1))


def test_other_utterances_or_windows_are_refused():
    other = predictions(B)
    with pytest.raises(ModelError, match="different utterances"):
        late_fusion(predictions(A), replace(other, items=(replace(other.items[0], file="c.wav"), other.items[1])))
    fewer = replace(other, owner=other.owner[1:], logits=other.logits[1:])
    with pytest.raises(ModelError, match="different windows"):
        late_fusion(predictions(A), fewer)
