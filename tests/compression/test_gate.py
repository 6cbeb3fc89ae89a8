"""The gate on predictions whose truth is known: it opens without a loss, and says what it found otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ser_toolkit.compression.gate import judge
from ser_toolkit.errors import ModelError, SplitError
from ser_toolkit.evaluation.predictions import Item, Predictions

LABELS = ("anger", "neutral")
PER_SPEAKER = 40


def said(wrong: dict[tuple[int, str], int], *, speakers: int = 20) -> Predictions:
    """40 utterances of each label by each speaker; of the first of them, so many are answered wrongly."""
    items, logits = [], []
    for speaker in range(speakers):
        for true, label in enumerate(LABELS):
            for i in range(PER_SPEAKER):
                items.append(Item(file=f"{speaker}-{label}-{i}.wav", emotion=label, speaker=f"s{speaker}"))
                right = i >= wrong.get((speaker, label), 8)
                logits.append([2.0, 0.0] if (true == 0) == right else [0.0, 2.0])
    return Predictions(
        labels=LABELS,
        protocol="leave-one-speaker-out",
        items=tuple(items),
        owner=np.arange(len(items)),
        logits=np.array(logits),
    )


BEFORE = said({})


def everywhere(n: int, *labels: str) -> dict[tuple[int, str], int]:
    return {(speaker, label): n for speaker in range(20) for label in labels}


def test_no_change_passes():
    gate = judge(BEFORE, said({}))
    assert gate.passed
    assert (gate.n, gate.n_speakers) == (1600, 20)
    assert gate.ua.b == gate.ua.a == pytest.approx(0.8)
    assert gate.ua.low == gate.ua.high == 0
    assert gate.caution == ""
    assert gate.to_json()["passed"] is True


def test_a_gain_passes():
    assert judge(BEFORE, said(everywhere(6, *LABELS))).passed


def test_three_points_down_is_refused_with_the_figures():
    # 1.2 more errors of 40 in each label: 24 speakers' worth spread evenly, one or two each
    wrong = {(s, label): 9 + (s % 5 == 0) for s in range(20) for label in LABELS}
    gate = judge(BEFORE, said(wrong))
    assert gate.ua.difference == pytest.approx(-0.03)
    assert not gate.passed
    text = gate.refusal()
    assert "UA changes by -3.0 points (from 0.800 to 0.770)" in text
    assert "has to lie above -1.0" in text
    assert "Nothing was written" in text and "--force" in text


def test_one_class_down_by_two_and_a_half_is_refused_though_ua_is_not_lower():
    """What one class loses the other gains: UA stays, the recall tells."""
    wrong = {(s, "anger"): 9 for s in range(20)} | {(s, "neutral"): 7 for s in range(20)}
    gate = judge(BEFORE, said(wrong))
    assert gate.ua.difference == pytest.approx(0)
    assert gate.ua.low > -0.01
    assert gate.reasons == ("the recall of anger falls by 2.5 points (from 0.800 to 0.775); fewer than 2 are allowed",)


def test_exactly_two_points_down_is_refused_and_less_is_not():
    sixteen = {(s, "anger"): 8 + (s < 16) for s in range(20)} | {(s, "neutral"): 8 - (s < 16) for s in range(20)}
    assert judge(BEFORE, said(sixteen)).recalls[0].difference == pytest.approx(-0.02)
    assert not judge(BEFORE, said(sixteen)).passed
    fifteen = {(s, "anger"): 8 + (s < 15) for s in range(20)} | {(s, "neutral"): 8 - (s < 15) for s in range(20)}
    assert judge(BEFORE, said(fifteen)).passed


def test_a_loss_at_one_speaker_alone_cannot_be_ruled_out():
    """The mean is down by .9 points only, but the bootstrap draws that speaker several times."""
    wrong = {(0, "anger"): 15, (0, "neutral"): 15}
    gate = judge(BEFORE, said(wrong))
    assert -0.01 < gate.ua.difference < 0
    assert gate.ua.low < -0.01
    assert not gate.passed
    assert "cannot be ruled out" in gate.refusal()


def test_few_speakers():
    two = judge(said({}, speakers=2), said({}, speakers=2))
    assert two.passed
    assert "only 2 speakers" in two.caution
    with pytest.raises(SplitError, match="one speaker.*at least 2 are needed.*--evaluation"):
        judge(said({}, speakers=1), said({}, speakers=1))
    unknown = replace(BEFORE, items=tuple(replace(item, speaker=None) for item in BEFORE.items))
    with pytest.raises(SplitError, match="no known speaker"):
        judge(unknown, unknown)


def test_speakers_of_one_name_in_two_corpora_are_two():
    half = len(BEFORE.items) // 2
    items = tuple(replace(item, speaker="1", corpus="a" if i < half else "b") for i, item in enumerate(BEFORE.items))
    one = replace(BEFORE, items=items)
    assert judge(one, one).n_speakers == 2


def test_other_utterances_are_refused():
    other = replace(BEFORE, items=tuple(replace(item, file=f"other-{item.file}") for item in BEFORE.items))
    with pytest.raises(ModelError, match="no utterance is in both"):
        judge(BEFORE, other)
